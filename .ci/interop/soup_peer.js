// One connection of the npm package soupbintcp: HOST PORT USER PASSWORD SESSION SEQUENCE COUNT.
//
// Prints what the login was answered with and so many messages, as JSON, and breaks the connection
// off without a logout.
'use strict';

const soup = require('soupbintcp');

const [host, port, username, password, session, sequence, count] = process.argv.slice(2);
const answer = { messages: [] };
let isDone = false;

function done() {
  isDone = true;
  process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit(0));
}

const client = new soup.Client({ host, port: Number(port) });
client.on('connect', () => {
  client.login({
    username,
    password,
    requestedSession: session,
    requestedSequenceNumber: Number(sequence),
  });
});
client.on('accept', (payload) => {
  answer.session = payload.session;
  answer.sequence = payload.sequenceNumber;
});
client.on('reject', (payload) => {
  answer.rejected = payload.rejectReasonCode;
  done();
});
client.on('message', (payload) => {
  if (isDone) return;
  answer.messages.push(payload.toString('hex'));
  if (answer.messages.length === Number(count)) done();
});
client.on('end', () => {
  if (!isDone) {
    console.error(`ended after ${answer.messages.length} messages`);
    process.exit(1);
  }
});
client.on('error', (error) => {
  console.error(String(error));
  process.exit(1);
});
