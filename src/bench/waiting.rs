//! Waiting for sockets until a moment, to the microsecond.
//!
//! A timer is one of what is waited for, since epoll's own limit is whole milliseconds, rounded up.

use std::io;
use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::connection::Stream;

const NOTHING: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
/// What stands for the timer where connections have their places.
const TIMER: u64 = u64::MAX;

/// What a socket is ready for.
pub(super) struct Ready {
    /// Which connection.
    pub(super) at: usize,
    /// Whether something came, or it broke.
    pub(super) to_read: bool,
    /// Whether more can be written.
    pub(super) to_write: bool,
}

/// The sockets that are waited for.
pub(super) struct Waiting {
    epoll: OwnedFd,
    timer: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Waiting {
    pub(super) fn new(sockets: usize) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), epoll::EventFlags::IN)?;
        Ok(Self { epoll, timer, events: Vec::with_capacity(sockets.min(1023) + 1) })
    }

    /// Waits for what comes on a connection from now on.
    pub(super) fn add(&self, at: usize, stream: &Stream) -> io::Result<()> {
        let data = epoll::EventData::new_u64(at as u64);
        Ok(epoll::add(&self.epoll, stream.as_fd(), data, epoll::EventFlags::IN)?)
    }

    /// Waits until more can be written as well, or no longer.
    pub(super) fn change(&self, at: usize, stream: &Stream, waits_to_write: bool) -> io::Result<()> {
        let data = epoll::EventData::new_u64(at as u64);
        let both = epoll::EventFlags::IN | epoll::EventFlags::OUT;
        let flags = if waits_to_write { both } else { epoll::EventFlags::IN };
        Ok(epoll::modify(&self.epoll, stream.as_fd(), data, flags)?)
    }

    /// Waits until a socket is ready, or for so long; less than a second.
    pub(super) fn wait(&mut self, left_ns: u64) -> io::Result<()> {
        self.events.clear();
        // Setting it also takes back that it went off before.
        if left_ns > 0 {
            let it_value = Timespec { tv_sec: 0, tv_nsec: left_ns as _ };
            let once = Itimerspec { it_interval: NOTHING, it_value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        }
        let at_once = (left_ns == 0).then_some(&NOTHING);
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), at_once) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// One of the sockets that were ready after waiting.
    pub(super) fn take(&mut self) -> Option<Ready> {
        // Copied, since the system packs them.
        let mut next = || self.events.pop().map(|event| (event.data, event.flags));
        let (mut data, mut flags) = next()?;
        if data.u64() == TIMER {
            (data, flags) = next()?;
        }
        let came = epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
        Some(Ready {
            at: data.u64() as usize,
            to_read: flags.intersects(came),
            to_write: flags.contains(epoll::EventFlags::OUT),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Clock;

    #[test]
    fn a_tenth_of_a_millisecond_is_no_millisecond() {
        let mut waiting = Waiting::new(1).unwrap();
        let clock = Clock::new();
        let took = (0..50).map(|_| {
            let before_ns = clock.now_ns();
            waiting.wait(100_000).unwrap();
            clock.now_ns() - before_ns
        });
        // The shortest of many, since others may have the core when it is over.
        let shortest_ns = took.min().unwrap();
        assert!((100_000..900_000).contains(&shortest_ns), "{shortest_ns}");
    }
}
