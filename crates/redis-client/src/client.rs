//! One connection to one engine.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidelock_model::{ExposeSecret, SecretString};
use tidelock_resp::{ReplyKind, ReplyScanner, Value, encode_command, parse};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::endpoint::{Endpoint, Stream};
use crate::error::ClientError;

/// The longest pipeline.
pub const MAX_PIPELINE: usize = 10_000;

/// Room for one read, in bytes.
const READ_SIZE: usize = 16 * 1024;

/// How to connect.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Where.
    pub endpoint: Endpoint,
    /// As which user; none for the default one.
    pub username: Option<String>,
    /// With which password; none: no AUTH is sent.
    pub password: Option<SecretString>,
    /// How long connecting may take, TLS and AUTH included.
    pub connect_timeout: Duration,
    /// How long a command may take, its sending included.
    pub command_timeout: Duration,
}

/// One connection. Commands go one after the other; after a timeout or a protocol error it is closed, because what comes
/// next could be the answer to an earlier command.
#[derive(Debug)]
pub struct Client {
    stream: Option<Box<dyn Stream>>,
    buffer: BytesMut,
    scanner: ReplyScanner,
    endpoint: String,
    command_timeout: Duration,
}

impl Client {
    /// Connects, and authenticates if a password is given.
    ///
    /// # Errors
    /// [`ClientError::Connect`] or [`ClientError::Auth`].
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ClientError> {
        let endpoint = options.endpoint.to_string();
        let late = |_| ClientError::Connect {
            endpoint: options.endpoint.to_string(),
            reason: format!("no connection within {:?}", options.connect_timeout),
        };
        timeout(options.connect_timeout, Self::open(options, endpoint)).await.map_err(late)?
    }

    async fn open(options: &ConnectOptions, endpoint: String) -> Result<Self, ClientError> {
        let stream = options
            .endpoint
            .open()
            .await
            .map_err(|err| ClientError::Connect { endpoint: endpoint.clone(), reason: err.to_string() })?;
        let mut client = Self {
            stream: Some(stream),
            buffer: BytesMut::new(),
            scanner: ReplyScanner::default(),
            endpoint,
            command_timeout: options.command_timeout,
        };
        if let Some(password) = &options.password {
            client.authenticate(options.username.as_deref(), password).await?;
        }
        Ok(client)
    }

    async fn authenticate(&mut self, username: Option<&str>, password: &SecretString) -> Result<(), ClientError> {
        let user = username.unwrap_or("default");
        match self.command(&["AUTH", user, password.expose_secret()]).await {
            Ok(_) => Ok(()),
            Err(ClientError::Server(reply)) => {
                Err(ClientError::Auth { endpoint: self.endpoint.clone(), user: user.to_owned(), reply })
            }
            Err(err) => Err(ClientError::Connect { endpoint: self.endpoint.clone(), reason: err.to_string() }),
        }
    }

    /// Whether the connection was closed by an earlier failure.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.stream.is_none()
    }

    /// Sends one command and waits for its answer. The first argument is the command's name.
    ///
    /// # Errors
    /// As [`ClientError`] says; an error reply is [`ClientError::Server`].
    pub async fn command<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value, ClientError> {
        let mut request = Vec::new();
        encode_command(&mut request, args);
        let mut replies = self.exchange(&request, 1).await?;
        let reply = replies.pop().unwrap_or(Value::Null);
        match reply.as_error() {
            Some(text) => Err(ClientError::Server(text)),
            None => Ok(reply),
        }
    }

    /// Sends several commands at once and returns their answers in order; an error reply is a value here.
    ///
    /// # Errors
    /// As [`ClientError`] says. Each command may have been carried out if [`ClientError::may_have_run`].
    pub async fn pipeline(&mut self, commands: &[Vec<Bytes>]) -> Result<Vec<Value>, ClientError> {
        if commands.len() > MAX_PIPELINE {
            return Err(ClientError::PipelineTooLong { given: commands.len(), limit: MAX_PIPELINE });
        }
        let mut request = Vec::new();
        for command in commands {
            encode_command(&mut request, command);
        }
        self.exchange(&request, commands.len()).await
    }

    /// Whom it is connected to, in words.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Ends the exchange of commands and answers; none if the connection is closed.
    pub(crate) fn into_parts(self) -> Option<Parts> {
        self.stream.map(|stream| Parts { stream, buffer: self.buffer })
    }

    async fn exchange(&mut self, request: &[u8], answers: usize) -> Result<Vec<Value>, ClientError> {
        let Some(mut stream) = self.stream.take() else {
            return Err(self.closed("it was closed after an earlier failure".to_owned(), false));
        };
        // Taken out of `self`: if the caller drops this future half-way, the connection is gone with it, and no later
        // command can read an answer that belongs to this one.
        let (mut reader, mut writer) = tokio::io::split(&mut stream);
        let send = async {
            writer.write_all(request).await?;
            writer.flush().await
        };
        let work = async {
            // Both at once: a long pipeline's answers must be read while it is still being sent.
            let receive = read_replies(&mut reader, &mut self.buffer, &mut self.scanner, answers);
            tokio::try_join!(async { send.await.map_err(Broken::Io) }, receive)
        };
        match timeout(self.command_timeout, work).await {
            Ok(Ok(((), replies))) => {
                self.stream = Some(stream);
                Ok(replies)
            }
            Ok(Err(Broken::Io(err))) => Err(self.closed(err.to_string(), true)),
            Ok(Err(Broken::Protocol(reason))) => Err(ClientError::Protocol { endpoint: self.endpoint.clone(), reason }),
            Err(_) => Err(ClientError::Timeout { endpoint: self.endpoint.clone(), after: self.command_timeout }),
        }
    }

    fn closed(&self, reason: String, sent: bool) -> ClientError {
        ClientError::Closed { endpoint: self.endpoint.clone(), reason, sent }
    }
}

/// What a connection consists of, for whoever goes on with another protocol on it.
pub(crate) struct Parts {
    pub(crate) stream: Box<dyn Stream>,
    /// What has come already and belongs to nobody's answer.
    pub(crate) buffer: BytesMut,
}

enum Broken {
    Io(io::Error),
    Protocol(tidelock_resp::ProtocolError),
}

async fn read_replies(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    scanner: &mut ReplyScanner,
    answers: usize,
) -> Result<Vec<Value>, Broken> {
    let mut replies = Vec::with_capacity(answers);
    while replies.len() < answers {
        match scanner.scan(buffer).map_err(Broken::Protocol)? {
            Some(reply) => {
                let bytes = buffer.split_to(reply.length).freeze();
                if reply.kind != ReplyKind::Push {
                    replies.push(parse(&bytes).map_err(Broken::Protocol)?);
                }
            }
            None => {
                buffer.reserve(scanner.missing().max(READ_SIZE));
                if reader.read_buf(buffer).await.map_err(Broken::Io)? == 0 {
                    return Err(Broken::Io(io::Error::new(io::ErrorKind::UnexpectedEof, "the engine closed it")));
                }
            }
        }
    }
    Ok(replies)
}
