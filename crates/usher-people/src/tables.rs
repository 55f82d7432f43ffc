//! This crate's tables. Every key begins with the directory (an environment of an account).

use usher_store::Tables;

/// This crate's tables.
pub const TABLES: Tables = Tables { owner: "people", migrations: &[FIRST, RULES, FOUND] };

/// Texts are compared by their folded form, computed in Rust. Contacts and addresses belong to one person, are read and
/// written with it and never searched: JSON in its row.
const FIRST: &str = "
create table unit (
  key {key},
  directory bigint not null,
  kind smallint not null,
  id {bytes} not null,
  name {text} not null,
  folded {bytes} not null,
  disabled boolean not null,
  created bigint not null,
  updated bigint not null
);
create unique index unit_id on unit (directory, id);
create unique index unit_name on unit (directory, kind, folded);
create index unit_walk on unit (directory, kind, key);

create table people_setting (
  directory bigint primary key,
  default_organization bigint references unit
);

create table person (
  key {key},
  directory bigint not null,
  id {bytes} not null,
  version bigint not null,
  name {text} not null,
  email {text} not null,
  email_folded {bytes} not null,
  job_title {text},
  location {text},
  employee_id {text},
  support_id {text},
  organization bigint references unit,
  site bigint references unit,
  manager bigint references person,
  locale {text},
  time_zone {text},
  vip boolean not null,
  disabled boolean not null,
  contacts {bytes} not null,
  addresses {bytes} not null,
  record bigint,
  source {text},
  source_id {text},
  created bigint not null,
  updated bigint not null
);
create unique index person_id on person (directory, id);
create unique index person_email on person (directory, email_folded);
create unique index person_record on person (directory, record) where record is not null;
create index person_walk on person (directory, key);

create table record (
  directory bigint not null,
  object bigint not null,
  id {bytes} not null,
  kind smallint not null,
  state smallint not null,
  reason {text},
  unit bigint references unit,
  classification smallint,
  provisioned bigint not null,
  updated bigint not null,
  primary key (directory, object)
);
create unique index record_id on record (directory, id);
create index record_provisioned on record (directory, kind, provisioned, object);
create index record_updated on record (directory, kind, updated, object);
create index record_wrong on record (directory, kind, provisioned, object) where state <> 0;
create index record_unit on record (unit, object) where unit is not null;

create table execution (
  directory bigint not null,
  object bigint not null,
  slot smallint not null,
  id {bytes} not null,
  at bigint not null,
  result smallint not null,
  reason {text},
  rules {bytes} not null,
  primary key (directory, object, slot)
);

create table rule_asked (
  directory bigint not null,
  kind smallint not null,
  value {bytes} not null,
  object bigint not null,
  primary key (directory, kind, value, object)
);
create index rule_asked_by on rule_asked (directory, object);

create table rule_walk (
  directory bigint not null,
  kind smallint not null,
  value {bytes} not null,
  after bigint not null,
  primary key (directory, kind, value)
);
";

/// Rules that administrators write (an environment without a row of a kind runs the default ones of it); protected people,
/// fields of the app's own, and where each field's value is from.
const RULES: &str = "
alter table people_setting add column version bigint not null default 0;
alter table people_setting add column rules bigint not null default 0;
alter table person add column protected boolean not null default false;
alter table person add column custom {bytes};
alter table person add column origins {bytes};
alter table execution add column digest bigint not null default 0;
create table rule (
  directory bigint not null,
  kind smallint not null,
  position integer not null,
  folded {bytes} not null,
  name {text} not null,
  body {text} not null,
  updated bigint not null,
  primary key (directory, kind, position)
);
create unique index rule_name on rule (directory, kind, folded);
create index person_ungoverned on person (directory, key) where record is null and source is not null;
";

/// People found by their organization, site and manager.
const FOUND: &str = "
create index person_organization on person (directory, organization, key) where organization is not null;
create index person_site on person (directory, site, key) where site is not null;
create index person_manager on person (directory, manager, key) where manager is not null;
";
