//! After the walk: the world goes on, and a person may play with it.

use std::io::BufRead;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use vmgroup_core::observation::PowerState;
use vmgroup_sim::deed::{Deed, Which};

use super::acts::key;
use super::proof;
use super::stage::Stage;

/// Between two looks at what has happened.
const TICK: Duration = Duration::from_millis(100);

const WORDS: &str = "\
The groups stay. Ctrl-C ends the demo; so does `quit`. Type one of these:
  scale vg-1 6     off vg-1     delete vg-1     get     quit";

/// What a person types.
enum Typed {
    Deed(String, Deed),
    Get,
    Quit,
    Nothing,
    Unknown,
}

/// Stays until the person has enough; true if nothing has broken a rule.
pub(crate) fn stay(stage: &mut Stage) -> bool {
    stage.text(WORDS);
    let typed = typed_lines();
    let mut last = Instant::now();
    loop {
        let line = match typed.recv_timeout(TICK) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => None,
            // Nobody types; the world goes on all the same.
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(TICK);
                None
            }
        };
        stage.pass(u64::try_from(last.elapsed().as_millis()).unwrap_or(0));
        last = Instant::now();
        match line.as_deref().map_or(Typed::Nothing, read) {
            Typed::Deed(command, deed) => {
                stage.person(&command, &[deed]);
            }
            Typed::Get => stage.table(),
            Typed::Quit => return proof::breaches(stage.world()).is_empty(),
            Typed::Nothing => {}
            Typed::Unknown => stage.text(WORDS),
        }
    }
}

fn typed_lines() -> Receiver<String> {
    let (line, lines) = channel();
    std::thread::spawn(move || {
        for text in std::io::stdin().lock().lines().map_while(Result::ok) {
            if line.send(text).is_err() {
                return;
            }
        }
    });
    lines
}

fn read(line: &str) -> Typed {
    let words: Vec<&str> = line.split_whitespace().collect();
    match *words {
        [] => Typed::Nothing,
        ["get"] => Typed::Get,
        ["quit" | "exit"] => Typed::Quit,
        ["scale", name, replicas] => match replicas.parse() {
            Ok(replicas) if replicas <= 100 => Typed::Deed(
                format!("kubectl scale vg/{name} --replicas={replicas}"),
                Deed::Scale(key(name), replicas),
            ),
            _ => Typed::Unknown,
        },
        ["off", name] => Typed::Deed(
            format!("govc vm.power -off -force <the first VM of {name}>"),
            Deed::Power(Which::Nth(key(name), 0), PowerState::Off),
        ),
        ["delete", name] => {
            Typed::Deed(format!("kubectl delete vg {name}"), Deed::Delete(key(name)))
        }
        _ => Typed::Unknown,
    }
}
