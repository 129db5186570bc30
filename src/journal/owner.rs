//! Whose journal a folder holds: the id that most of its segments say, wherever one of another journal lies among them.
//!
//! Promises that a stranger's segment never passes for the journal, wherever reading begins, while most are the journal's own;
//! of as many of each, the snapshots say which. And that a wrong bit in the header of the only segment does not lose the id:
//! the first record's chain begins with it. What is damaged is passed over here: whoever reads it tells it.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::frame::{self, FRAME_BYTES};
use super::segment::{HEADER_BYTES, Header, NoHeader};
use super::window::Window;
use super::{archive, snapshots};
use crate::io::Disk;

/// So many more segments say one id than any other once nothing else is looked at: there may be thousands.
const LEAD: usize = 3;
/// Where a header says the id.
const ID: std::ops::Range<usize> = 16..32;

/// The id of the journal with these segments; none where no header and no first record tells it.
pub(super) fn owner(disk: &Arc<dyn Disk>, folder: &Path, segments: &[(u64, String)]) -> Option<[u8; 16]> {
    // The oldest first, and so are those of as many votes.
    let mut votes: Vec<([u8; 16], usize)> = Vec::new();
    for (first, name) in segments {
        let Some(id) = said(&**disk, folder, *first, name) else { continue };
        match votes.iter_mut().find(|(other, _)| *other == id) {
            Some((_, votes)) => *votes += 1,
            None => votes.push((id, 1)),
        }
        let of = |id: &[u8; 16]| votes.iter().find(|(other, _)| other == id).map_or(0, |(_, votes)| *votes);
        let most_others = votes.iter().filter(|(other, _)| *other != id).map(|(_, votes)| *votes).max();
        if of(&id) >= most_others.unwrap_or(0) + LEAD {
            return Some(id);
        }
    }
    let most = votes.iter().map(|(_, votes)| *votes).max()?;
    let mut leading = votes.into_iter().filter(|(_, votes)| *votes == most).map(|(id, _)| id);
    let oldest = leading.next()?;
    let rest: Vec<[u8; 16]> = leading.collect();
    if rest.is_empty() {
        return Some(oldest);
    }
    let numbers = snapshots::snapshots(&**disk, folder).unwrap_or_default();
    let has_one = |id: &[u8; 16]| {
        numbers.iter().any(|&number| snapshots::whole(disk, folder, Some(*id), number).is_ok())
    };
    Some(std::iter::once(oldest).chain(rest).find(has_one).unwrap_or(oldest))
}

/// The id that a segment says.
fn said(disk: &dyn Disk, folder: &Path, first: u64, name: &str) -> Option<[u8; 16]> {
    let mut header = Vec::new();
    let source = archive::open(disk, folder, name).ok()?;
    source.take(HEADER_BYTES as u64).read_to_end(&mut header).ok()?;
    match Header::read(&header) {
        Ok(header) => Some(header.id),
        Err(NoHeader::Broken) if first == 1 => proven(disk, folder, name, header.get(ID)?.try_into().ok()?),
        Err(_) => None,
    }
}

/// The id of a broken header, if the first record follows it: as it is there, or with one bit put right.
fn proven(disk: &dyn Disk, folder: &Path, name: &str, held: [u8; 16]) -> Option<[u8; 16]> {
    let mut window = Window::new(archive::open(disk, folder, name).ok()?);
    window.pass_to(HEADER_BYTES as u64).ok()?;
    let length = frame::length(window.ahead(FRAME_BYTES).ok()?);
    let length = length.min(FRAME_BYTES + frame::BODY_BYTES_MAX);
    let first = frame::parse(window.ahead(length).ok()?).ok()?;
    let put_right = (0..128).map(|bit| (u128::from_le_bytes(held) ^ (1 << bit)).to_le_bytes());
    std::iter::once(held).chain(put_right).find(|id| first.follows(&frame::first_chain(id)))
}
