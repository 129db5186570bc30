//! What must hold of any bytes as a stream of frames: shared by the fuzz target, the corpus and the drawn streams.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "a failure stops")]

use weir::frames::{FrameError, Header, Hello, bytes_of, read};

/// What a stream says: its frames, and what ends them.
pub type Said = (Vec<(Header, Vec<u8>)>, Option<FrameError>);

/// The frames of a stream that comes in pieces, as whoever serves reads them.
pub fn in_pieces<'s>(pieces: impl IntoIterator<Item = &'s [u8]>, most: u32) -> Said {
    let (mut held, mut frames) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            match read(&held, most) {
                Ok(None) => break,
                Ok(Some((header, payload))) => {
                    let taken = bytes_of(&held).unwrap();
                    frames.push((header, payload.to_vec()));
                    held.drain(..taken);
                }
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// The same, read slowly from all of it at once: number by number, as the document lays them out.
pub fn twin(stream: &[u8], most: u32) -> Said {
    let number = |from: usize, bytes: usize| {
        (0..bytes).rev().fold(0_u64, |number, at| number << 8 | u64::from(stream[from + at]))
    };
    let (mut from, mut frames) = (0, Vec::new());
    loop {
        if stream.len() < from + 4 {
            return (frames, None);
        }
        let follow = number(from, 4);
        if follow < 20 {
            return (frames, Some(FrameError::Short(follow as u32)));
        }
        if stream.len() < from + 24 {
            return (frames, None);
        }
        let header = Header {
            kind: number(from + 4, 1) as u8,
            flags: number(from + 5, 1) as u8,
            outcome: number(from + 6, 1) as u8,
            cause: number(from + 7, 1) as u8,
            timeout_or_status: number(from + 8, 4) as u32,
            retry_after_ms: number(from + 12, 4) as u32,
            id: number(from + 16, 8),
        };
        if follow - 20 > u64::from(most) {
            return (frames, Some(FrameError::Long { id: header.id, bytes: follow - 20 }));
        }
        let end = from + 4 + follow as usize;
        if stream.len() < end {
            return (frames, None);
        }
        frames.push((header, stream[from + 24..end].to_vec()));
        from = end;
    }
}

/// Any bytes: the first says how many a payload may have, the second how long a piece is. What is read in pieces is what the
/// twin reads, what is written of it says the same, and a hello is one or is told why not. Gives whether there was a frame.
pub fn frames(data: &[u8]) -> bool {
    let [most, piece, stream @ ..] = data else { return false };
    let (most, piece) = (u32::from(*most), usize::from(*piece).max(1));
    if let Ok(Some((hello, taken))) = Hello::read(stream) {
        let mut again = Vec::new();
        hello.write(&mut again).unwrap();
        assert_eq!(again, stream[..taken]);
    }
    let said = in_pieces(stream.chunks(piece), most);
    assert_eq!(said, twin(stream, most));
    let mut again = Vec::new();
    said.0.iter().for_each(|(header, payload)| header.write(payload, &mut again));
    assert_eq!(again, stream[..again.len()], "what is written is what was read");
    !said.0.is_empty()
}
