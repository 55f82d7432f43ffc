//! This crate's tables. The reasons: `docs/architecture.md`, *Storage*.
//!
//! `object.directory` and its like are no foreign keys: each insert would lock the directory's row together with all others,
//! and a directory goes only as a whole. Members do have them: a user removed while somebody adds it is decided there.
//!
//! SQLite plans without statistics. Where keys are given it must not walk a directory's index instead: hence `+o.directory` in
//! statements by key, and `+o.key` where another index leads. `plans.rs` tests what comes of it.

/// Migrations in order; applied ones never change.
pub(crate) const MIGRATIONS: &[&str] = &[FIRST, SOFT_DELETED, HOSTS, LOSS, EXTENSIONS, WRITER, TOLD];

const FIRST: &str = "
create table account (
  id {key}, name {text} not null, folded {text} not null, profile {text} not null, strict boolean not null, created bigint not null);
create unique index account_name on account (folded);

create table directory (
  id {key}, account bigint references account, environment smallint, name {text}, folded {text}, profile {text} not null,
  epoch bigint not null, seq bigint not null, floor bigint not null, created bigint not null);
create unique index directory_environment on directory (account, environment);
create unique index directory_name on directory (folded);

create table amount (directory bigint not null, kind smallint not null, n bigint not null, primary key (directory, kind));

create table object (
  key {key}, directory bigint not null, kind smallint not null, id {bytes} not null, version bigint not null,
  active boolean not null, created bigint not null, modified bigint not null, deleted bigint, deactivated bigint,
  name {bytes} not null, label {text} not null, external {bytes}, doc {bytes} not null);
create unique index object_id on object (directory, id);
create unique index object_name on object (directory, name) where kind = 1 and deleted is null;
create index object_group on object (directory, kind, name) where kind = 2;
create index object_external on object (directory, kind, external) where external is not null;
create index object_walk on object (directory, kind, key, deleted, active, created);
create index object_modified on object (directory, kind, modified, key);

create table taken (
  directory bigint not null, attribute int not null, value {bytes} not null, key bigint not null,
  primary key (directory, attribute, value));
create table search (
  directory bigint not null, attribute int not null, value {bytes} not null, key bigint not null,
  primary key (directory, attribute, value, key));

create table member (
  grp bigint not null references object, member bigint not null references object, kind smallint not null, since bigint not null,
  primary key (grp, member));
create index member_of on member (member, grp);

create table change (
  directory bigint not null, object bigint not null, member bigint not null, kind smallint not null, op smallint not null,
  delta bigint not null, run bigint, request {bytes}, seq bigint, primary key (directory, object, member));
create index change_seq on change (directory, seq) where seq is not null;
create index change_pending on change (directory) where seq is null;

create table consumer (
  directory bigint not null, name {text} not null, seq bigint not null, behind bigint, primary key (directory, name));

create table token (
  id {bytes} not null primary key, hash {bytes} not null, directory bigint not null references directory, provider {text} not null,
  slot smallint, last4 {text} not null, created bigint not null, expires bigint, ends bigint, revoked bigint,
  used_at bigint, used_address {text}, used_agent {text});
create unique index token_hash on token (hash);
create unique index token_slot on token (directory, provider, slot);
";

/// Soft-deleted objects by name, and by the time they went.
const SOFT_DELETED: &str = "
create index object_gone on object (directory, kind, name) where deleted is not null;
create index object_deleted on object (deleted) where deleted is not null;
";

/// Host names of an account's environment; in lower case, without a port.
const HOSTS: &str = "
create table host (name {text} not null primary key, directory bigint not null references directory);
create index host_of on host (directory);
";

/// The guard against mass loss: settings of an environment, who lost something lately by which token, and what waits.
const LOSS: &str = "
alter table account add column owner {text};
create table loss_setting (
  directory bigint not null primary key references directory, hold boolean not null, most bigint not null, percent bigint not null,
  seconds bigint);
create table loss_scale (
  directory bigint not null, token {bytes} not null, active bigint not null, since bigint not null, primary key (directory, token));
create table loss (
  directory bigint not null, token {bytes} not null, object bigint not null, at bigint not null,
  primary key (directory, token, object));
create index loss_recent on loss (directory, token, at);
create table held (
  directory bigint not null, object bigint not null, grp bigint not null, since bigint not null, id {bytes} not null,
  name {text} not null, token {bytes} not null, request {bytes} not null, at bigint not null, until bigint, due bigint,
  told smallint not null, state smallint not null, decided bigint, who {text}, why {text}, primary key (directory, object, grp));
create index held_due on held (due) where due is not null;
create index held_list on held (directory, at, object);
";

/// An account's own extension schemas, and attributes indexed for queries or held unique. A path is compared in lower case.
const EXTENSIONS: &str = "
create table extension (
  account bigint not null references account, urn {text} not null, kind smallint not null, doc {bytes} not null,
  created bigint not null, primary key (account, urn));
create table indexed (
  number {key}, directory bigint not null references directory, kind smallint not null, path {text} not null, folded {text} not null,
  uniq boolean not null, state smallint not null, created bigint not null, after bigint not null);
create unique index indexed_path on indexed (directory, kind, folded);
create index indexed_unfinished on indexed (number) where state <> 2;
";

/// The token that wrote an object last: its integration is the one that provisions it.
const WRITER: &str = "
alter table object add column token {bytes};
";

/// How often an account's owner was told that a token comes to its end.
const TOLD: &str = "
alter table token add column told smallint not null default 0;
";
