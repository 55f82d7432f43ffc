//! What a case is.

use std::{future::Future, pin::Pin};

use crate::{
    probe::Probe,
    target::Capabilities,
    verdict::{Failure, Fallible},
};

/// How binding a requirement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// MUST, SHALL, REQUIRED of the RFC.
    Must,
    /// SHOULD, RECOMMENDED.
    Should,
    /// MAY, OPTIONAL: where it is done, it is done like this.
    May,
    /// The RFCs are silent or contradict themselves; what works with real clients.
    Practice,
}

impl Level {
    /// As the RFCs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Practice => "PRACTICE",
        }
    }
}

/// Whose view of SCIM counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// RFC 7643, RFC 7644, RFC 9865 without the dialects of clients.
    Rfc,
    /// What Microsoft Entra ID asks for and sends.
    Entra,
    /// What Okta asks for and sends.
    Okta,
}

impl Profile {
    /// By name: `rfc`, `entra`, `okta`.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Rfc, Self::Entra, Self::Okta].into_iter().find(|profile| profile.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rfc => "rfc",
            Self::Entra => "entra",
            Self::Okta => "okta",
        }
    }
}

/// A capability that ServiceProviderConfig has to announce; without it the case is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Need {
    Patch,
    Filter,
    Sort,
    Etag,
    Bulk,
    Cursor,
}

impl Need {
    pub(crate) fn met(self, by: &Capabilities) -> bool {
        match self {
            Self::Patch => by.patch,
            Self::Filter => by.filter,
            Self::Sort => by.sort,
            Self::Etag => by.etag,
            Self::Bulk => by.bulk,
            Self::Cursor => by.cursor,
        }
    }

    /// The name in ServiceProviderConfig.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Patch => "patch.supported",
            Self::Filter => "filter.supported",
            Self::Sort => "sort.supported",
            Self::Etag => "etag.supported",
            Self::Bulk => "bulk.supported",
            Self::Cursor => "pagination.cursor",
        }
    }
}

/// What a case does: its requests and assertions.
pub(crate) type Running<'p> = Pin<Box<dyn Future<Output = Fallible> + Send + 'p>>;
pub(crate) type Steps = for<'p> fn(&'p mut Probe) -> Running<'p>;

#[derive(Clone, Copy)]
pub(crate) enum Check {
    Over(Steps),
    NotOverHttp(&'static str),
}

/// A requirement of the checklist.
#[derive(Clone, Copy)]
pub struct Case {
    /// Stable: `P-06`.
    pub id: &'static str,
    /// How binding.
    pub level: Level,
    /// Where it stands: `RFC 7644 §3.5.2`.
    pub reference: &'static str,
    /// The requirement.
    pub title: &'static str,
    /// Capabilities without which it says nothing.
    pub needs: &'static [Need],
    /// Requirements that this one states again, as one meets them in practice or in a client's way of speaking: where such
    /// a one is broken, this breaks with it.
    pub restates: &'static [&'static str],
    pub(crate) check: Check,
    pub(crate) advice: Option<&'static str>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("id", &self.id).field("title", &self.title).finish_non_exhaustive()
    }
}

impl Case {
    /// Why HTTP doesn't show whether the requirement is met; `None`: it is tried.
    pub fn not_over_http(&self) -> Option<&'static str> {
        match self.check {
            Check::Over(_) => None,
            Check::NotOverHttp(why) => Some(why),
        }
    }

    pub(crate) const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    pub(crate) const fn restates(mut self, restates: &'static [&'static str]) -> Self {
        self.restates = restates;
        self
    }

    /// What to do when it fails, where that is not plain from what was expected.
    pub(crate) const fn advice(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    pub(crate) fn advise(&self, mut failure: Failure) -> Failure {
        if let Some(advice) = self.advice {
            failure.advice = advice.to_owned();
        }
        failure
    }
}

const fn new(
    level: Level,
    id: &'static str,
    reference: &'static str,
    title: &'static str,
    check: Check,
) -> Case {
    Case { id, level, reference, title, needs: &[], restates: &[], check, advice: None }
}

pub(crate) const fn must(id: &'static str, reference: &'static str, title: &'static str, run: Steps) -> Case {
    new(Level::Must, id, reference, title, Check::Over(run))
}

pub(crate) const fn should(
    id: &'static str,
    reference: &'static str,
    title: &'static str,
    run: Steps,
) -> Case {
    new(Level::Should, id, reference, title, Check::Over(run))
}

pub(crate) const fn may(id: &'static str, reference: &'static str, title: &'static str, run: Steps) -> Case {
    new(Level::May, id, reference, title, Check::Over(run))
}

pub(crate) const fn practice(
    id: &'static str,
    reference: &'static str,
    title: &'static str,
    run: Steps,
) -> Case {
    new(Level::Practice, id, reference, title, Check::Over(run))
}

/// A requirement that no exchange over HTTP shows.
pub(crate) const fn unseen(
    level: Level,
    id: &'static str,
    reference: &'static str,
    title: &'static str,
    why: &'static str,
) -> Case {
    new(level, id, reference, title, Check::NotOverHttp(why))
}
