//! Opening a connection: TCP without Nagle's delay, encryption, greeting, login.
//!
//! The mail library writes the body and the final dot apart; with Nagle's algorithm that costs 40 ms a message.
//! It cannot switch it off, so the streams are opened here.

use std::error::Error as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::answer::Failure;
use super::{SmtpError, SmtpSecurity, SmtpSettings};
use crate::channels::tls;

/// How connections are encrypted; certificates are loaded once.
pub(super) enum Wire {
    /// STARTTLS.
    Upgraded(TlsParameters),
    /// From the first byte.
    Encrypted(Box<TlsConnector>, ServerName<'static>),
    /// Not at all, to this machine.
    Plain,
}

impl Wire {
    pub(super) fn new(settings: &SmtpSettings) -> Result<Wire, SmtpError> {
        let login = settings.login.as_ref().map_or("", |(user, _)| user);
        if login
            .chars()
            .chain(settings.hello_name.chars())
            .any(char::is_control)
        {
            return Err(SmtpError::ControlCharacter);
        }
        let host = &settings.host;
        let name = ServerName::try_from(host.clone()).map_err(|_| SmtpError::Host(host.clone()))?;
        match settings.security {
            SmtpSecurity::PlainOnLoopback => {
                let here =
                    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
                if here {
                    Ok(Wire::Plain)
                } else {
                    Err(SmtpError::PlainBeyondLoopback)
                }
            }
            SmtpSecurity::StartTls => upgraded(settings)
                .map(Wire::Upgraded)
                .map_err(|e| certificates(&e)),
            SmtpSecurity::Tls => {
                let config = tls::client(settings.extra_roots.as_deref()).map_err(|e| certificates(&*e))?;
                Ok(Wire::Encrypted(
                    Box::new(TlsConnector::from(Arc::new(config))),
                    name,
                ))
            }
        }
    }

    /// A connection that has greeted, is encrypted as set, and has logged in.
    pub(super) async fn open(&self, settings: &SmtpSettings) -> Result<AsyncSmtpConnection, Failure> {
        let tcp = TcpStream::connect((settings.host.as_str(), settings.port))
            .await
            .map_err(|_| Failure::Lost)?;
        tcp.set_nodelay(true).map_err(|_| Failure::Lost)?;
        let hello = ClientId::Domain(settings.hello_name.clone());
        let mut connection = match self {
            Wire::Plain => {
                let here = tcp.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
                if !here {
                    return Err(Failure::NotLoopback);
                }
                greet(Box::new(tcp), &hello).await?
            }
            Wire::Upgraded(tls) => {
                let mut connection = greet(Box::new(tcp), &hello).await?;
                if !connection.can_starttls() {
                    return Err(Failure::NotEncrypted);
                }
                connection
                    .starttls(tls.clone(), &hello)
                    .await
                    .map_err(|e| upgrade_failure(&e))?;
                connection
            }
            Wire::Encrypted(connector, name) => {
                let stream = connector
                    .connect(name.clone(), tcp)
                    .await
                    .map_err(|e| handshake_failure(&e))?;
                greet(Box::new(Encrypted(stream)), &hello).await?
            }
        };
        if let Some((user, password)) = &settings.login {
            let known = [Mechanism::Plain, Mechanism::Login];
            if connection.server_info().get_auth_mechanism(&known).is_none() {
                return Err(Failure::NoLogin);
            }
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection
                .auth(&known, &credentials)
                .await
                .map_err(|e| Failure::of(&e))?;
        }
        Ok(connection)
    }
}

async fn greet(stream: Box<dyn AsyncTokioStream>, hello: &ClientId) -> Result<AsyncSmtpConnection, Failure> {
    AsyncSmtpConnection::connect_with_transport(stream, hello)
        .await
        .map_err(|e| Failure::of(&e))
}

/// A certificate that is not trusted is a setting to be mended; a broken handshake is a lost connection.
fn handshake_failure(e: &std::io::Error) -> Failure {
    if tls::is_of_certificates(e) {
        Failure::NotEncrypted
    } else {
        Failure::Lost
    }
}

/// The same for STARTTLS, where the mail library wraps the cause, more than once.
fn upgrade_failure(e: &lettre::transport::smtp::Error) -> Failure {
    let mut cause = e.source();
    while let Some(next) = cause {
        if let Some(io) = next.downcast_ref::<std::io::Error>() {
            return handshake_failure(io);
        }
        cause = next.source();
    }
    Failure::of(e)
}

fn certificates(e: &dyn std::fmt::Display) -> SmtpError {
    SmtpError::Certificates(e.to_string())
}

fn upgraded(settings: &SmtpSettings) -> Result<TlsParameters, lettre::transport::smtp::Error> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.extra_roots {
        builder = builder.add_root_certificate(Certificate::from_pem(pem)?);
    }
    builder.build_rustls()
}

/// Lets the mail library talk through an encrypted stream that was opened here.
#[derive(Debug)]
struct Encrypted(TlsStream<TcpStream>);

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
