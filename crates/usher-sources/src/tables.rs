//! This crate's tables.

/// Migrations in order; applied ones never change.
pub(crate) const MIGRATIONS: &[&str] = &[FIRST, OWNED, LDAP, MARK];

/// `entry`: what of a source stands in the directory, by the object it made. `hash` is of the values as they were last written,
/// `manager` the object written as manager, `members` the digest of the members last written.
/// `staged`: what a run has read and not yet written; nothing of it survives the run.
const FIRST: &str = "
create table source (
  id {key}, name {text} not null, directory bigint not null references directory, kind {text} not null, settings {text} not null,
  anchor {text}, created bigint not null);
create unique index source_name on source (name);

create table source_run (
  id {key}, source bigint not null references source on delete cascade, started bigint not null, ended bigint,
  state {text} not null, counts {text} not null, message {text});
create index source_run_source on source_run (source, id);

create table source_error (
  run bigint not null references source_run on delete cascade, n bigint not null, grave boolean not null, line bigint not null,
  entry {text} not null, message {text} not null, primary key (run, n));

create table entry (
  source bigint not null references source on delete cascade, object bigint not null, kind smallint not null, anchor {text} not null,
  id {bytes} not null, name {bytes}, hash {bytes} not null, state smallint not null, since bigint, active boolean not null,
  manager {bytes}, members {bytes}, primary key (source, object));
create unique index entry_anchor on entry (source, kind, anchor);

create table staged (
  source bigint not null references source on delete cascade, n bigint not null, doc {bytes} not null, primary key (source, n));
";

/// `mapped`: the attributes that a source writes, so that nobody else changes them in its objects; `entry_object` finds whose an
/// object is. `file_state`: the files as the last import met them, so that a change is noticed.
const OWNED: &str = "
create table mapped (
  source bigint not null references source on delete cascade, kind smallint not null, path {text} not null,
  primary key (source, kind, path));
create index entry_object on entry (object);
create table file_state (source bigint not null primary key references source on delete cascade, state {text} not null);
";

/// `source.secret`: the bind password, sealed. `source.state`: how far it was read ([`crate::state`]). `entry.names`, `refs` and
/// `stamp`: how others name the entry, whom it names, and which state of it was read, so that a run that reads only changes ends as
/// one that reads everything.
const LDAP: &str = "
alter table source add column secret {bytes};
alter table source add column state {text};
alter table entry add column names {bytes};
alter table entry add column refs {bytes};
alter table entry add column stamp {bytes};
";

/// `entry.mark`: of all that was read of the entry and how it is mapped, so that what is as it was is not mapped again.
const MARK: &str = "
alter table entry add column mark {bytes};
";
