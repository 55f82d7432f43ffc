//! What the demo tells on the way: text for people, with `--json` the figures alone.

use usher_admin::Answer;
use usher_api::{demo as shape, plan::Plan};

use crate::print::{Printer, answer};

use super::changes::Changed;

pub(super) struct Story {
    printer: Printer,
}

impl Story {
    pub(super) fn new(printer: Printer) -> Self {
        Self { printer }
    }

    /// Text on stdout unless JSON was asked for.
    pub(super) fn said(&self, text: &str) {
        if !self.printer.json {
            // A reader that went away does not stop the demo.
            let _ = self.printer.text(text);
        }
    }

    pub(super) fn chapter(&self, title: &str) {
        self.said(&format!("\n── {title} {}", "─".repeat(70usize.saturating_sub(title.chars().count()))));
    }

    /// The command that does what comes next.
    pub(super) fn command(&self, words: &str) {
        self.said(&format!("$ usher {words}"));
    }

    pub(super) fn answer(&self, answer: &Answer) {
        self.said(&answer::text(answer));
    }

    /// The counts and the first few items.
    pub(super) fn plan(&self, plan: &Plan) {
        let short = Plan { items: plan.items.iter().take(3).cloned().collect(), ..plan.clone() };
        self.said(&answer::plan(&short));
        if plan.items.len() > 3 {
            self.said(&format!("… and {} more", plan.items.len() - 3));
        }
    }

    pub(super) fn changed(&self, changed: &Changed) {
        self.said(&format!("{} joins", changed.joiner.1));
        self.said(&format!("{} moves: {}", changed.mover.1, changed.moved));
        self.said(&format!("{} and {} leave", changed.leaver.1, changed.returner.1));
    }

    pub(super) fn log(&self, log: &Answer) {
        self.chapter("The provisioning log, newest first");
        self.answer(log);
    }

    pub(super) fn people(&self, people: &Answer) {
        self.chapter("The app's people");
        self.answer(people);
    }

    /// The figures, and whether all came out as it should.
    pub(super) fn end(&self, figures: &shape::Demo) -> anyhow::Result<()> {
        if self.printer.json {
            return self.printer.json(&serde_json::to_value(figures)?);
        }
        let people = &figures.people;
        self.chapter("In the end");
        self.said(&format!(
            "{} people: {} with an organization, {} with a manager, {} without access; {} records in order, {} incomplete, {} in error",
            people.total,
            people.with_organization,
            people.with_manager,
            people.disabled,
            figures.records.in_order,
            figures.records.incomplete,
            figures.records.error
        ));
        self.said(if figures.ok {
            "Everybody came out as they should."
        } else {
            "Something did not come out as it should; see above."
        });
        Ok(())
    }

    pub(super) fn serving(&self, base: &str, data: &std::path::Path) {
        self.said(&format!(
            "\nUsher serves on at {base} until you end it with Ctrl-C. Meanwhile, in another shell:"
        ));
        self.said(&format!("$ ./usher --data {} people list {}", data.display(), super::ACCOUNT));
    }
}
