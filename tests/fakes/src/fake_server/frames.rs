//! Between a client and hyper's server of HTTP/2: passes frames (RFC 9113, 4.1), and takes out and puts in some, so that
//! a connection has manners which that server has not. Watches whether the client keeps to the limits that it was told.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::{Mutex, MutexGuard};

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, WriteHalf, split};
use tokio::sync::Mutex as Turn;

use super::manners::{Ends, Manners};

/// What a client says first (RFC 9113, 3.4).
const PREFACE: usize = 24;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const MAX_CONCURRENT_STREAMS: u8 = 3;

/// Streams before these may have been on their way when a limit was lowered: twice what kz asks for at once.
const ON_THE_WAY: usize = 200;

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    content: Vec<u8>,
}

impl Frame {
    async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut head = [0; 9];
        from.read_exact(&mut head).await?;
        let [high, middle, low, kind, flags, stream @ ..] = head;
        let mut content = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        from.read_exact(&mut content).await?;
        Ok(Self { kind, flags, stream: u32::from_be_bytes(stream), content })
    }

    async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let length = u32::try_from(self.content.len()).expect("a frame").to_be_bytes();
        let head = [&length[1..], &[self.kind, self.flags], &self.stream.to_be_bytes()].concat();
        to.write_all(&[&head, &self.content[..]].concat()).await?;
        to.flush().await
    }

    fn is(&self, kind: u8, flag: u8) -> bool {
        self.kind == kind && self.flags & flag != 0
    }

    fn goaway(last: u32) -> Self {
        let content = [last.to_be_bytes(), [0; 4]].concat();
        Self { kind: GOAWAY, flags: 0, stream: 0, content }
    }

    fn settings(streams: u32) -> Self {
        let content = [&[0, MAX_CONCURRENT_STREAMS][..], &streams.to_be_bytes()].concat();
        Self { kind: SETTINGS, flags: 0, stream: 0, content }
    }
}

/// What is known of a connection.
#[derive(Default)]
struct State {
    begun: usize,
    answered: usize,
    open: BTreeSet<u32>,
    /// The last stream that is taken, once that is decided.
    last: Option<u32>,
    is_told: bool,
    /// For each SETTINGS that the client has not acknowledged: the limit, where it is ours.
    settings: VecDeque<Option<u32>>,
    limit: Option<u32>,
    /// Whether the server's own settings have been passed: what is said before them, they would undo.
    is_settled: bool,
    is_lowered: bool,
}

/// A connection that is passed on.
pub struct Passage {
    manners: Manners,
    state: Mutex<State>,
}

type Out<S> = Turn<WriteHalf<S>>;

impl Passage {
    pub fn new(manners: Manners) -> Self {
        Self { manners, state: Mutex::default() }
    }

    /// Passes until one side ends. Says how many streams were begun beyond what the client knew to be allowed.
    pub async fn pass<C, S>(&self, client: C, server: S) -> usize
    where
        C: AsyncRead + AsyncWrite + Unpin,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let ((from_client, to_client), (from_server, to_server)) = (split(client), split(server));
        let (to_client, beyond) = (Turn::new(to_client), Mutex::new(0));
        let up = std::pin::pin!(self.up(from_client, to_server, &to_client, &beyond));
        let down = std::pin::pin!(self.down(from_server, &to_client));
        // A connection that ends anyhow ends here.
        let ended = select(up, down).await;
        let _ = to_client.lock().await.shutdown().await;
        if let Either::Right((_, up)) = ended {
            // What the client had still on its way is read: unread, it would have the kernel take back what was sent (RST).
            let _ = up.await;
        }
        *beyond.lock().expect("no panic")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a fake whose thread panicked")
    }

    async fn up<S: AsyncWrite>(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        to_client: &Out<S>,
        beyond: &Mutex<usize>,
    ) -> io::Result<()> {
        let mut preface = [0; PREFACE];
        from.read_exact(&mut preface).await?;
        to.write_all(&preface).await?;
        loop {
            let frame = Frame::read(&mut from).await?;
            if frame.kind == HEADERS {
                *beyond.lock().expect("no panic") += usize::from(self.begins(frame.stream));
            }
            let refused = self.state().last.is_some_and(|last| frame.stream > last);
            let acknowledged = frame.is(SETTINGS, ACK) && self.acknowledged();
            if refused || acknowledged {
                continue;
            }
            frame.write(&mut to).await?;
            if frame.kind == HEADERS {
                for said in self.said_at_the_beginning() {
                    said.write(&mut *to_client.lock().await).await?;
                }
            }
        }
    }

    async fn down<S: AsyncWrite>(
        &self,
        mut from: impl AsyncRead + Unpin,
        to_client: &Out<S>,
    ) -> io::Result<()> {
        loop {
            let frame = Frame::read(&mut from).await?;
            let mut to = to_client.lock().await;
            if frame.kind == SETTINGS && frame.flags & ACK == 0 {
                self.state().settings.push_back(None);
            }
            frame.write(&mut *to).await?;
            self.state().is_settled |= frame.kind == SETTINGS;
            let ends =
                frame.kind == RST_STREAM || frame.is(HEADERS, END_STREAM) || frame.is(DATA, END_STREAM);
            if ends && self.ends(frame.stream) {
                let last = self.state().last.unwrap_or_default();
                Frame::goaway(last).write(&mut *to).await?;
                self.state().is_told = true;
            }
            let state = self.state();
            if state.is_told && state.open.is_empty() {
                return Ok(());
            }
        }
    }

    /// A stream begins. Says whether it is beyond the limit.
    fn begins(&self, stream: u32) -> bool {
        let mut state = self.state();
        if state.last.is_some() {
            return false;
        }
        state.begun += 1;
        state.open.insert(stream);
        if let Some(Ends::GoAwayBegun(most) | Ends::GoAwayAnswered(most)) = self.manners.ends {
            state.last = (state.begun == most).then_some(stream);
        }
        let (open, is_later) = (state.open.len(), state.begun > ON_THE_WAY);
        state.limit.is_some_and(|limit| is_later && open > limit as usize)
    }

    fn said_at_the_beginning(&self) -> Vec<Frame> {
        let mut state = self.state();
        let mut said = Vec::new();
        if let (Some(Ends::GoAwayBegun(_)), Some(last), false) =
            (self.manners.ends, state.last, state.is_told)
        {
            state.is_told = true;
            said.push(Frame::goaway(last));
        }
        let is_due = |after: usize| after <= state.begun && state.is_settled && !state.is_lowered;
        if let Some((_, limit)) = self.manners.lowered.filter(|(after, _)| is_due(*after)) {
            state.is_lowered = true;
            state.settings.push_back(Some(limit));
            said.push(Frame::settings(limit));
        }
        said
    }

    /// A stream has ended. Says whether the connection is to end now.
    fn ends(&self, stream: u32) -> bool {
        let mut state = self.state();
        state.answered += usize::from(state.open.remove(&stream));
        matches!(self.manners.ends, Some(Ends::GoAwayAnswered(most)) if state.answered == most)
    }

    /// The client has taken note of settings. Says whether they were ours.
    fn acknowledged(&self) -> bool {
        let mut state = self.state();
        let ours = state.settings.pop_front().flatten();
        state.limit = ours.or(state.limit);
        ours.is_some()
    }
}
