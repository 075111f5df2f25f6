//! Tests of the messages against literal bytes.
