//! Requests and replies, however they are cut into pieces.

#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tidelock_resp::{
    Command, ProtocolError, ReplyKind, ReplyLimits, ReplyScanner, RequestDecoder, RequestLimits, Value, decode, parse,
};

fn args() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6)
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop::collection::vec(any::<u8>().prop_filter("no line end", |b| !matches!(b, b'\r' | b'\n')), 0..20);
    let leaf = prop_oneof![
        text.clone().prop_map(|t| Value::Simple(t.into())),
        text.prop_map(|t| Value::Error(t.into())),
        any::<i64>().prop_map(Value::Integer),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|t| Value::Bulk(t.into())),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        (-1e9..1e9f64).prop_map(Value::Double),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|t| Value::BulkError(t.into())),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|t| Value::Verbatim { format: *b"txt", text: t.into() }),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Set),
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Push),
            prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Map),
            (prop::collection::vec((inner.clone(), inner.clone()), 0..3), inner)
                .prop_map(|(attributes, value)| Value::Attributed { attributes, value: Box::new(value) }),
        ]
    })
}

/// Feeds `bytes` in two pieces, cut at `cut`, and then returns every request.
fn requests(bytes: &[u8], cut: usize) -> Result<Vec<Command>, ProtocolError> {
    let mut decoder = RequestDecoder::default();
    let mut buffer = BytesMut::new();
    let mut commands = Vec::new();
    for piece in [&bytes[..cut], &bytes[cut..]] {
        buffer.extend_from_slice(piece);
        while let Some(command) = decoder.decode(&mut buffer, &RequestLimits::default())? {
            commands.push(command);
        }
    }
    assert!(buffer.is_empty());
    Ok(commands)
}

proptest! {
    #[test]
    fn a_pipeline_cut_anywhere_decodes_the_same(pipeline in prop::collection::vec(args(), 1..4)) {
        let expected: Vec<Command> = pipeline.iter().map(|args| Command::from_args(args)).collect();
        let bytes: Vec<u8> = expected.iter().flat_map(|command| command.raw().to_vec()).collect();
        for cut in 0..=bytes.len() {
            let decoded = requests(&bytes, cut).unwrap();
            prop_assert_eq!(decoded.len(), pipeline.len());
            for (command, args) in decoded.iter().zip(&pipeline) {
                prop_assert_eq!(command.args().collect::<Vec<_>>(), args.iter().map(Vec::as_slice).collect::<Vec<_>>());
            }
            prop_assert_eq!(&decoded.iter().flat_map(|c| c.raw().to_vec()).collect::<Vec<_>>(), &bytes);
        }
    }

    #[test]
    fn a_reply_cut_anywhere_is_found_and_read_back(value in value()) {
        let mut bytes = Vec::new();
        value.encode(&mut bytes, true);
        for cut in 0..bytes.len() {
            let mut scanner = ReplyScanner::default();
            prop_assert_eq!(scanner.scan(&bytes[..cut]).unwrap(), None);
            let found = scanner.scan(&bytes).unwrap().unwrap();
            prop_assert_eq!(found.length, bytes.len());
            prop_assert_eq!(decode(&mut BytesMut::from(&bytes[..cut]), &ReplyLimits::default()).unwrap(), None);
        }
        prop_assert_eq!(parse(&Bytes::from(bytes)).unwrap(), value);
    }

    #[test]
    fn version_2_encoding_is_a_whole_reply_too(value in value()) {
        let mut bytes = Vec::new();
        value.encode(&mut bytes, false);
        let found = ReplyScanner::default().scan(&bytes).unwrap().unwrap();
        prop_assert_eq!(found.length, bytes.len());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut buffer = BytesMut::from(&bytes[..]);
        let mut decoder = RequestDecoder::default();
        while let Ok(Some(_)) = decoder.decode(&mut buffer, &RequestLimits::default()) {}
        let _ = decode(&mut BytesMut::from(&bytes[..]), &ReplyLimits::default());
        let _ = parse(&Bytes::from(bytes));
    }

    #[test]
    fn bytes_that_look_like_the_protocol_never_panic(bytes in "[*$%~>|_+:#,(!=0-9\r\n-]{0,60}") {
        let bytes = bytes.replace('\n', "\r\n").into_bytes();
        let mut buffer = BytesMut::from(&bytes[..]);
        let mut decoder = RequestDecoder::default();
        while let Ok(Some(_)) = decoder.decode(&mut buffer, &RequestLimits::default()) {}
        let mut whole = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = decode(&mut whole, &ReplyLimits::default()) {}
        let _ = parse(&Bytes::from(bytes));
    }
}

fn refused(bytes: &[u8], limits: RequestLimits) -> ProtocolError {
    RequestDecoder::default().decode(&mut BytesMut::from(bytes), &limits).unwrap_err()
}

#[test]
fn inline_requests_become_multibulk() {
    let commands = requests(b"\r\nPING\r\n*0\r\nset k \"a b\"\n", 3).unwrap();
    assert_eq!(commands.len(), 2);
    assert_eq!(commands[1].raw().as_ref(), b"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$3\r\na b\r\n");
}

#[test]
fn what_exceeds_a_limit_is_refused_as_soon_as_it_is_announced() {
    let limits = RequestLimits { max_bulk: 10, max_request: 64, max_args: 3 };
    assert_eq!(refused(b"*4\r\n", limits), ProtocolError::InvalidMultibulkLength);
    assert_eq!(refused(b"*1\r\n$11\r\n", limits), ProtocolError::InvalidBulkLength);
    assert_eq!(refused(b"*1\r\n$-1\r\n", limits), ProtocolError::InvalidBulkLength);
    assert_eq!(refused(b"*1\r\n:3\r\n", limits), ProtocolError::ExpectedBulk(b':'));
    assert_eq!(refused(&[b'x'; 70_000], limits), ProtocolError::LineTooLong);
    assert_eq!(refused(b"*1\r\n$2\r\nabcd", limits), ProtocolError::MissingLineEnd);
    let deep = "*1\r\n".repeat(40);
    assert_eq!(ReplyScanner::default().scan(deep.as_bytes()), Err(ProtocolError::TooDeep { limit: 32 }));
    assert_eq!(ReplyScanner::default().scan(b"?x\r\n"), Err(ProtocolError::UnknownType(b'?')));
    let small = ReplyLimits { max_reply: 100, ..ReplyLimits::default() };
    assert!(ReplyScanner::new(small).scan(b"$101\r\n").is_err());
}

#[test]
fn kinds_of_replies_are_told_apart() {
    let kind = |bytes: &[u8]| ReplyScanner::default().scan(bytes).unwrap().unwrap().kind;
    assert_eq!(kind(b"-ERR x\r\n"), ReplyKind::Error);
    assert_eq!(kind(b">1\r\n+x\r\n"), ReplyKind::Push);
    assert_eq!(kind(b"|1\r\n+a\r\n+b\r\n*1\r\n-ERR inner\r\n"), ReplyKind::Answer);
    assert_eq!(kind(b"*-1\r\n"), ReplyKind::Answer);
}

#[test]
fn one_scanner_finds_reply_after_reply() {
    let mut scanner = ReplyScanner::default();
    let mut buffer = &b"+OK\r\n*2\r\n$1\r\na\r\n:1\r\n$-1\r\n"[..];
    let mut lengths = Vec::new();
    while let Some(reply) = scanner.scan(buffer).unwrap() {
        lengths.push(reply.length);
        buffer = &buffer[reply.length..];
    }
    assert_eq!(lengths, [5, 15, 5]);
}
