//! SoupBinTCP packets: what flows on a connection for replay or for a snapshot.
//!
//! ```text
//!  0        2      3
//! ┌────────┬──────┬─────────────┐      A  session 10, sequence 20             server ─▶ client
//! │ length │ type │ payload     │      J  reject code 1
//! │ u16 BE │ 1    │ `length`- 1 │      S  message      H  Z  nothing
//! └────────┴──────┴─────────────┘
//!  the length counts the type,          L  user 6, password 10, session 10,   client ─▶ server
//!  not itself                              sequence 20
//!                                       U  message      R  O  nothing
//!                                       +  text, both ways, to be ignored
//! ```
//!
//! Fields are ASCII. User and password are padded on the right, session and sequence on the left;
//! clients in use pad the sequence on either side, so every field is read without the blanks
//! around it. Sequenced data carries no number: both sides count from the one in `A`.
//! Spec: Nasdaq SoupBinTCP 3.00; clients of 4.00 send the same packets.

mod decoder;
mod field;

use std::fmt;

use isochron_feeds::mold::Session;

use crate::limits::PAYLOAD_BYTES_MAX;
pub use decoder::Decoder;
pub use field::{FieldError, sequence_of, session_of};
use field::{left_justified, right_justified, trimmed};

/// Bytes before the payload: length and type.
pub const HEADER_BYTES: usize = 3;

/// Bytes of the length word.
pub const LENGTH_BYTES: usize = 2;

/// The characters of packet types.
mod packet_type {
    pub(super) const DEBUG: u8 = b'+';
    pub(super) const LOGIN_ACCEPTED: u8 = b'A';
    pub(super) const LOGIN_REJECTED: u8 = b'J';
    pub(super) const SEQUENCED_DATA: u8 = b'S';
    pub(super) const SERVER_HEARTBEAT: u8 = b'H';
    pub(super) const END_OF_SESSION: u8 = b'Z';
    pub(super) const LOGIN_REQUEST: u8 = b'L';
    pub(super) const UNSEQUENCED_DATA: u8 = b'U';
    pub(super) const CLIENT_HEARTBEAT: u8 = b'R';
    pub(super) const LOGOUT_REQUEST: u8 = b'O';
}

/// Who sent a packet: each end has types of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The side that asked for the connection.
    Client,
    /// The side that has the messages.
    Server,
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sender::Client => "client",
            Sender::Server => "server",
        })
    }
}

/// Why bytes are no SoupBinTCP packet of that sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoupError {
    /// Not even a type.
    LengthZero,
    /// Longer than this side takes.
    TooLong {
        /// The length word.
        claimed: u16,
        /// The most that it takes.
        max: usize,
    },
    /// A type that this sender does not send.
    UnknownType {
        /// The type's byte.
        packet_type: u8,
        /// Who sent it.
        sender: Sender,
    },
    /// A type whose packets have one length, with another.
    WrongLength {
        /// The type's byte.
        packet_type: u8,
        /// The length word.
        claimed: u16,
        /// What it must be.
        expected: u16,
    },
    /// A rejection for no known reason.
    UnknownRejectCode {
        /// The code's byte.
        code: u8,
    },
    /// A server's field that is no session's name, or no number.
    Field(FieldError),
}

impl fmt::Display for SoupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LengthZero => write!(f, "a packet of length 0: it has not even a type"),
            Self::TooLong { claimed, max } => {
                write!(f, "a packet of {claimed} bytes, at most {max} are taken")
            }
            Self::UnknownType { packet_type, sender } => {
                write!(f, "packet type '{}' from a {sender}", packet_type.escape_ascii())
            }
            Self::WrongLength { packet_type, claimed, expected } => {
                let letter = packet_type.escape_ascii();
                write!(f, "a packet '{letter}' of length {claimed}, it has {expected}")
            }
            Self::UnknownRejectCode { code } => {
                write!(f, "login reject code '{}'", code.escape_ascii())
            }
            Self::Field(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SoupError {}

/// Why a login was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RejectCode {
    /// User or password is wrong.
    NotAuthorized = b'A',
    /// The session, or the sequence in it, is not to be had.
    SessionNotAvailable = b'S',
}

impl RejectCode {
    /// The code with that character.
    #[must_use]
    pub fn of(code: u8) -> Option<RejectCode> {
        [RejectCode::NotAuthorized, RejectCode::SessionNotAvailable]
            .into_iter()
            .find(|known| *known as u8 == code)
    }
}

impl fmt::Display for RejectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RejectCode::NotAuthorized => "not authorized",
            RejectCode::SessionNotAvailable => "session not available",
        })
    }
}

/// A login, as its four fields stand in the packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LoginRequest {
    /// Who; case does not matter.
    pub user: [u8; 6],
    /// The proof; case does not matter.
    pub password: [u8; 10],
    /// The session wanted; blanks for the current one.
    pub session: [u8; 10],
    /// The next sequence wanted, in digits.
    pub sequence: [u8; 20],
}

impl LoginRequest {
    /// Bytes of the payload.
    pub const BYTES: usize = 46;

    /// The login with its fields padded. `Session::BLANK` asks for the current session; sequence
    /// 0 for what is new from now on.
    ///
    /// # Errors
    /// A user of more than 6 characters, a password of more than 10, or others than printable
    /// ASCII, or a blank at either end.
    pub fn new(
        user: &str,
        password: &str,
        session: Session,
        sequence: u64,
    ) -> Result<LoginRequest, FieldError> {
        let blank = LoginRequest {
            user: left_justified("user", user)?,
            password: left_justified("password", password)?,
            session: Session::BLANK.0,
            sequence: [b' '; 20],
        };
        Ok(blank.asking_for(session, sequence))
    }

    /// The same user's login to that session, from that sequence.
    #[must_use]
    pub fn asking_for(mut self, session: Session, sequence: u64) -> LoginRequest {
        self.session = right_justified(&session.to_string());
        self.sequence = right_justified(&sequence.to_string());
        self
    }

    /// The user's name without padding.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        trimmed(&self.user)
    }

    /// The password without padding.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        trimmed(&self.password)
    }

    /// The session, blank for the current one.
    ///
    /// # Errors
    /// Where it is no session's name.
    pub fn session(&self) -> Result<Session, FieldError> {
        session_of(&self.session)
    }

    /// The sequence; `None` where the field is blank.
    ///
    /// # Errors
    /// Where it is no number, or none of 64 bits.
    pub fn sequence(&self) -> Result<Option<u64>, FieldError> {
        sequence_of(&self.sequence)
    }

    fn parse(payload: &[u8]) -> Option<LoginRequest> {
        let (user, rest) = payload.split_first_chunk()?;
        let (password, rest) = rest.split_first_chunk()?;
        let (session, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (user, password, session, sequence) = (*user, *password, *session, *sequence);
        rest.is_empty().then_some(LoginRequest { user, password, session, sequence })
    }
}

impl fmt::Debug for LoginRequest {
    /// Without the password: this ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, session) = (self.user.escape_ascii(), self.session.escape_ascii());
        let sequence = self.sequence.escape_ascii();
        write!(f, "LoginRequest {{ user: \"{user}\", session: \"{session}\", ")?;
        write!(f, "sequence: \"{sequence}\" }}")
    }
}

/// A login that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginAccepted {
    /// The session that the connection is in.
    pub session: Session,
    /// The number of the next sequenced data on this connection.
    pub sequence: u64,
}

impl LoginAccepted {
    /// Bytes of the payload.
    pub const BYTES: usize = 30;

    fn parse(payload: &[u8]) -> Option<Result<LoginAccepted, FieldError>> {
        let (session, sequence) = payload.split_at_checked(10)?;
        let number = || sequence_of(sequence)?.ok_or(FieldError::no_number(b""));
        let parse = || Ok(LoginAccepted { session: session_of(session)?, sequence: number()? });
        (sequence.len() == 20).then(parse)
    }
}

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `+` Text for people.
    Debug(&'a [u8]),
    /// `A`
    LoginAccepted(LoginAccepted),
    /// `J` The server closes after it.
    LoginRejected(RejectCode),
    /// `S` The next message of the session.
    SequencedData(&'a [u8]),
    /// `H` The server lives.
    ServerHeartbeat,
    /// `Z` Nothing comes any more, ever.
    EndOfSession,
    /// `L` The first packet of a client.
    LoginRequest(LoginRequest),
    /// `U` A message that has no number and may be lost.
    UnsequencedData(&'a [u8]),
    /// `R` The client lives.
    ClientHeartbeat,
    /// `O` The client wants no more.
    LogoutRequest,
}

impl<'a> Packet<'a> {
    /// The packet of what stands behind a length word.
    ///
    /// # Errors
    /// Says which part is not a packet of that sender: see [`SoupError`].
    pub fn parse(sender: Sender, framed: &'a [u8]) -> Result<Packet<'a>, SoupError> {
        let Some((&packet_type, payload)) = framed.split_first() else {
            return Err(SoupError::LengthZero);
        };
        let claimed = framed.len().min(usize::from(u16::MAX)) as u16;
        let of_length = |expected: usize, packet: Option<Packet<'a>>| {
            let wrong =
                SoupError::WrongLength { packet_type, claimed, expected: 1 + expected as u16 };
            packet.filter(|_| payload.len() == expected).ok_or(wrong)
        };
        match (sender, packet_type) {
            (_, packet_type::DEBUG) => Ok(Packet::Debug(payload)),
            (Sender::Server, packet_type::SEQUENCED_DATA) => Ok(Packet::SequencedData(payload)),
            (Sender::Server, packet_type::SERVER_HEARTBEAT) => {
                of_length(0, Some(Packet::ServerHeartbeat))
            }
            (Sender::Server, packet_type::LOGIN_ACCEPTED) => {
                let accepted = LoginAccepted::parse(payload).transpose();
                let accepted = accepted.map_err(SoupError::Field)?;
                of_length(LoginAccepted::BYTES, accepted.map(Packet::LoginAccepted))
            }
            (Sender::Server, packet_type::LOGIN_REJECTED) => {
                let &[code] = payload else { return of_length(1, None) };
                let code = RejectCode::of(code).ok_or(SoupError::UnknownRejectCode { code })?;
                Ok(Packet::LoginRejected(code))
            }
            (Sender::Server, packet_type::END_OF_SESSION) => {
                of_length(0, Some(Packet::EndOfSession))
            }
            (Sender::Client, packet_type::LOGIN_REQUEST) => {
                let request = LoginRequest::parse(payload).map(Packet::LoginRequest);
                of_length(LoginRequest::BYTES, request)
            }
            (Sender::Client, packet_type::UNSEQUENCED_DATA) => Ok(Packet::UnsequencedData(payload)),
            (Sender::Client, packet_type::CLIENT_HEARTBEAT) => {
                of_length(0, Some(Packet::ClientHeartbeat))
            }
            (Sender::Client, packet_type::LOGOUT_REQUEST) => {
                of_length(0, Some(Packet::LogoutRequest))
            }
            _ => Err(SoupError::UnknownType { packet_type, sender }),
        }
    }

    /// Bytes of the whole packet.
    #[must_use]
    pub fn encoded_length(&self) -> usize {
        HEADER_BYTES
            + match self {
                Packet::Debug(bytes)
                | Packet::SequencedData(bytes)
                | Packet::UnsequencedData(bytes) => bytes.len(),
                Packet::LoginAccepted(_) => LoginAccepted::BYTES,
                Packet::LoginRequest(_) => LoginRequest::BYTES,
                Packet::LoginRejected(_) => 1,
                Packet::ServerHeartbeat
                | Packet::EndOfSession
                | Packet::ClientHeartbeat
                | Packet::LogoutRequest => 0,
            }
    }

    /// Appends the packet. A payload has at most [`PAYLOAD_BYTES_MAX`] bytes.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let payload_bytes = self.encoded_length() - HEADER_BYTES;
        assert!(payload_bytes <= PAYLOAD_BYTES_MAX, "{payload_bytes} bytes fit no packet");
        out.extend_from_slice(&(1 + payload_bytes as u16).to_be_bytes());
        out.push(self.packet_type());
        match self {
            Packet::Debug(bytes)
            | Packet::SequencedData(bytes)
            | Packet::UnsequencedData(bytes) => out.extend_from_slice(bytes),
            Packet::LoginAccepted(LoginAccepted { session, sequence }) => {
                out.extend_from_slice(&right_justified::<10>(&session.to_string()));
                out.extend_from_slice(&right_justified::<20>(&sequence.to_string()));
            }
            Packet::LoginRejected(code) => out.push(*code as u8),
            Packet::LoginRequest(LoginRequest { user, password, session, sequence }) => {
                out.extend_from_slice(user);
                out.extend_from_slice(password);
                out.extend_from_slice(session);
                out.extend_from_slice(sequence);
            }
            Packet::ServerHeartbeat
            | Packet::EndOfSession
            | Packet::ClientHeartbeat
            | Packet::LogoutRequest => {}
        }
    }

    /// The packet's type, a letter.
    #[must_use]
    pub fn packet_type(&self) -> u8 {
        match self {
            Packet::Debug(_) => packet_type::DEBUG,
            Packet::LoginAccepted(_) => packet_type::LOGIN_ACCEPTED,
            Packet::LoginRejected(_) => packet_type::LOGIN_REJECTED,
            Packet::SequencedData(_) => packet_type::SEQUENCED_DATA,
            Packet::ServerHeartbeat => packet_type::SERVER_HEARTBEAT,
            Packet::EndOfSession => packet_type::END_OF_SESSION,
            Packet::LoginRequest(_) => packet_type::LOGIN_REQUEST,
            Packet::UnsequencedData(_) => packet_type::UNSEQUENCED_DATA,
            Packet::ClientHeartbeat => packet_type::CLIENT_HEARTBEAT,
            Packet::LogoutRequest => packet_type::LOGOUT_REQUEST,
        }
    }
}

#[cfg(test)]
mod tests;
