//! The provisioning log as asked for: a table, JSON, or CSV; once, or going on as it grows.

use std::time::Duration;

use serde_json::Value;
use usher_admin::{Actor, Answer, Request, request::App};

use super::{Printer, answer};
use crate::owner::Reach;

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How entries are printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    /// `table`, `json` or `csv`.
    pub(crate) format: String,
    /// Until it is interrupted.
    pub(crate) follow: bool,
}

/// Asks and prints.
pub(crate) async fn run(
    reach: &Reach,
    actor: &Actor,
    request: Request,
    listing: &Listing,
    printer: Printer,
) -> anyhow::Result<()> {
    let mut request = request;
    let mut first = true;
    loop {
        let answer = reach.call(actor.clone(), request.clone(), &|_| {}).await?;
        let Answer::Log(list) = &answer else { return printer.answer(&answer) };
        if !listing.follow && (printer.json || listing.format == "table") {
            return printer.answer(&answer);
        }
        print(&list.items, listing, printer, first)?;
        if !listing.follow {
            if let Some(next) = &list.next {
                super::news(&format!("more with --after {next}"));
            }
            return Ok(());
        }
        first = false;
        if let (Request::App(app), Some(next)) = (&mut request, &list.next)
            && let App::Logs { more, .. } = &mut **app
        {
            more.after = Some(next.clone());
        }
        if list.items.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn print(items: &[Value], listing: &Listing, printer: Printer, first: bool) -> anyhow::Result<()> {
    match listing.format.as_str() {
        // An entry a line.
        _ if printer.json => items.iter().try_for_each(|entry| printer.json(entry)),
        "json" => items.iter().try_for_each(|entry| printer.json(entry)),
        "csv" => {
            let text = csv(items, first)?;
            if text.is_empty() { Ok(()) } else { printer.text(&text) }
        }
        _ => items.iter().try_for_each(|entry| printer.text(&answer::log_line(entry))),
    }
}

const HEAD: [&str; 14] = [
    "activityDateTime",
    "cycleId",
    "changeId",
    "provisioningAction",
    "status",
    "errorCode",
    "reason",
    "sourceId",
    "sourceName",
    "targetId",
    "initiatedBy",
    "property",
    "oldValue",
    "newValue",
];

/// A row for each modified property (RFC 4180); one for an entry without any. `head`: the names come first.
fn csv(items: &[Value], head: bool) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if head {
        writer.write_record(HEAD)?;
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for entry in items {
        let info = &entry["provisioningStatusInfo"];
        let (error, source) = (&info["errorInformation"], &entry["sourceIdentity"]);
        let fixed = [
            &entry["activityDateTime"],
            &entry["cycleId"],
            &entry["changeId"],
            &entry["provisioningAction"],
            &info["status"],
            &error["errorCode"],
            &error["reason"],
            &source["id"],
            &source["displayName"],
            &entry["targetIdentity"]["id"],
            &entry["initiatedBy"]["displayName"],
        ]
        .map(text);
        let none = vec![Value::Null];
        let properties =
            entry["modifiedProperties"].as_array().filter(|all| !all.is_empty()).unwrap_or(&none);
        for property in properties {
            let of = ["displayName", "oldValue", "newValue"].map(|name| text(&property[name]));
            writer.write_record(fixed.iter().chain(&of))?;
        }
    }
    Ok(String::from_utf8(writer.into_inner().map_err(|error| error.into_error())?)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_log_in_csv_has_a_row_for_each_property_and_quotes_what_needs_it() {
        let entry = json!({
            "activityDateTime": "2026-11-02T08:00:00.000Z", "cycleId": "c", "changeId": "d",
            "provisioningAction": "update", "provisioningStatusInfo": {"status": "success", "errorInformation": null},
            "sourceIdentity": {"id": "s", "displayName": "ann"}, "targetIdentity": {"id": "t"},
            "initiatedBy": {"displayName": "Usher"},
            "modifiedProperties": [
                {"displayName": "title", "oldValue": null, "newValue": "Head, \"of\" all"},
                {"displayName": "locale", "oldValue": "de", "newValue": "fr"}],
        });
        let bare = json!({"provisioningAction": "delete", "modifiedProperties": []});
        let text = csv(&[entry, bare], true).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("activityDateTime,cycleId,"));
        assert!(lines[1].ends_with("s,ann,t,Usher,title,,\"Head, \"\"of\"\" all\""), "{}", lines[1]);
        assert!(lines[2].ends_with("locale,de,fr"), "{}", lines[2]);
        assert_eq!(lines[3], ",,,delete,,,,,,,,,,");
    }
}
