//! Groups as `kubectl get vg` shows them.

use comfy_table::{Table, presets};
use vmgroup_core::text::one_line;
use vmgroup_core::time::Timestamp;
use vmgroup_reconcile::event::GroupObject;

const HEADER: [&str; 10] = [
    "NAMESPACE",
    "NAME",
    "PHASE",
    "CURRENT",
    "DESIRED",
    "CPU",
    "MEMORY",
    "TEMPLATE",
    "AGE",
    "LAST_MESSAGE",
];

/// One line a group, below a header. The message is last and cut, so that a
/// line stays a line.
pub(crate) fn groups<'a>(
    objects: impl Iterator<Item = &'a GroupObject>,
    now: Timestamp,
    message_chars_max: usize,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(HEADER);
    for object in objects {
        table.add_row(row(object, now, message_chars_max));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

fn row(object: &GroupObject, now: Timestamp, message_chars_max: usize) -> Vec<String> {
    let number = |value: Option<u32>| value.map_or_else(String::new, |value| value.to_string());
    let status = &object.status;
    let (cpus, memory, template) = match &object.spec {
        Ok(spec) => (
            spec.cpus.to_string(),
            (spec.memory_mib / 1_024).to_string(),
            one_line(&spec.template, 40),
        ),
        Err(_) => ("?".into(), "?".into(), "?".into()),
    };
    vec![
        object.key.namespace.clone(),
        object.key.name.clone(),
        status.phase.clone().unwrap_or_default(),
        number(status.current_replicas),
        number(status.desired_replicas),
        cpus,
        memory,
        template,
        age(now.since(object.created_at)),
        one_line(
            status.last_message.as_deref().unwrap_or(""),
            message_chars_max,
        ),
    ]
}

/// "45s", "3m", "5h", "12d".
fn age(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
