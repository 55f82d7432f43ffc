//! The trail: a line a request, or one request whole.

use usher_api::trail::Entry;

use super::{answer::day, table};

pub(super) fn text(items: &[Entry]) -> String {
    match items {
        [one] => whole(one),
        items => lines(items),
    }
}

fn sender(entry: &Entry) -> String {
    match (&entry.token.provider, &entry.token.last4) {
        (Some(provider), Some(last4)) => format!("{provider} …{last4}"),
        _ => entry.token.id.clone(),
    }
}

fn lines(items: &[Entry]) -> String {
    table(
        &["request", "at", "from", "status", "what", "read as"],
        items.iter().map(|entry| {
            let read: Vec<&str> = entry.deviations.iter().map(|met| met.name.as_str()).collect();
            vec![
                entry.id.clone(),
                day(entry.at),
                sender(entry),
                entry.status.to_string(),
                format!("{} {}", entry.method, entry.path),
                entry.detail.clone().unwrap_or_else(|| read.join(", ")),
            ]
        }),
    )
}

fn whole(entry: &Entry) -> String {
    let mut text = format!(
        "{} {}\n{} in {} ms, {}\nfrom {} at {}, {}\nrequest {}\n",
        entry.method,
        entry.path,
        entry.status,
        entry.duration_ms,
        entry.at,
        sender(entry),
        if entry.address.is_empty() { "an unknown address" } else { &entry.address },
        if entry.agent.is_empty() { "without a User-Agent" } else { &entry.agent },
        entry.id
    );
    let mut line = |what: &str, value: &str| text.push_str(&format!("{what}: {value}\n"));
    if let Some(detail) = &entry.detail {
        line("refused", detail);
    }
    for met in &entry.deviations {
        line(&format!("{} ({})", met.name, met.id), &met.text);
    }
    if !entry.records.is_empty() {
        line("records", &entry.records.join(", "));
    }
    match (&entry.body, entry.body_bytes) {
        (Some(serde_json::Value::String(beginning)), bytes) => {
            let bytes = bytes.unwrap_or_default();
            line("body", &format!("the beginning of {bytes} bytes\n{beginning}"));
        }
        (Some(body), _) => {
            line("body", &format!("\n{}", serde_json::to_string_pretty(body).unwrap_or_default()));
        }
        (None, Some(bytes)) => line("body", &format!("{bytes} bytes, not kept")),
        (None, None) => {}
    }
    if entry.erased {
        line("erased", "what told of a person was removed");
    }
    text
}
