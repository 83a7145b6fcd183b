//! The agent's life.

use crate::lines::{Line, Lines};
use crate::machine::Machine;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use xoff_lab::agent::{Reply, Request};

/// Does what `input` says, line by line, and answers each line by one on `output`, until the end
/// of input. Completions are taken when they come, so that their times are right.
///
/// # Errors
/// Input or output failed. A request that cannot be understood or done is no error.
pub fn serve(mut input: impl Read + AsFd, mut output: impl Write) -> io::Result<()> {
    let mut machine = Machine::default();
    let mut lines = Lines::default();
    let mut buffer = vec![0; 65_536];
    loop {
        while let Some(line) = lines.next() {
            let mut answer = serde_json::to_vec(&answer(&mut machine, line))?;
            answer.push(b'\n');
            output.write_all(&answer)?;
            output.flush()?;
        }
        let (readable, completions) = wait(&input, &machine)?;
        if completions {
            machine.drain();
        }
        if readable {
            match input.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(len) => lines.push(buffer.get(..len).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

/// Whether there is input, and whether there are completions.
fn wait(input: &impl AsFd, machine: &Machine) -> io::Result<(bool, bool)> {
    let mut fds = vec![PollFd::new(input, PollFlags::IN)];
    fds.extend(
        machine
            .announces()
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
    );
    match poll(&mut fds, None) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok((false, false)),
        Err(e) => return Err(e.into()),
    }
    let ready = |index: usize| fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
    Ok((ready(0), ready(1)))
}

fn answer(machine: &mut Machine, line: Line) -> Reply {
    let invalid = |message: String| Reply::Failed {
        call: "request".to_owned(),
        errno: rustix::io::Errno::INVAL.raw_os_error(),
        message,
    };
    match line {
        Line::TooLong => invalid("too long a line".to_owned()),
        Line::Whole(line) => match serde_json::from_slice::<Request>(&line) {
            Ok(request) => machine.handle(&request),
            Err(e) => invalid(e.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(input: &[u8]) -> Vec<Reply> {
        let (from, mut to) = io::pipe().unwrap();
        to.write_all(input).unwrap();
        drop(to);
        let mut output = Vec::new();
        serve(from, &mut output).unwrap();
        let lines = output
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    fn failed(reply: &Reply) -> &str {
        match reply {
            Reply::Failed { call, .. } => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bad_requests_are_answered() {
        let replies = talk(
            b"nonsense\n{\"poll\":{\"qp\":3,\"side\":\"send\",\"count\":1,\"timeout_ms\":0}}\n\
              {\"open\":{\"device\":\"no such\",\"gid_index\":null}}\n\
              {\"fill\":{\"mr\":4294967295,\"seed\":1}}\n\
              {\"batch\":[\"close\",{\"query_qp\":{\"qp\":0}}]}\n\"close\"\n",
        );
        assert_eq!(replies.len(), 6);
        assert_eq!(failed(&replies[0]), "request");
        assert_eq!(failed(&replies[1]), "qp");
        assert_eq!(failed(&replies[2]), "ibv_get_device_list");
        assert_eq!(failed(&replies[3]), "mr");
        let Reply::Batch(inner) = &replies[4] else {
            panic!("{:?}", replies[4]);
        };
        assert_eq!((&inner[0], failed(&inner[1])), (&Reply::Done, "qp"));
        assert_eq!(replies[5], Reply::Done);
    }
}
