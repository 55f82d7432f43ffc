//! This crate's tables. `app` is configuration, `run` the state of its cycles; all others are keyed by app.

use usher_store::Tables;

/// Applications and everything that cycles keep.
pub const TABLES: Tables = Tables {
    owner: "engine",
    migrations: &["create table app (
  id {key}, name {text} not null, template {text} not null, directory bigint not null, queue bigint not null,
  created bigint not null, version bigint not null, enabled boolean not null, scope smallint not null,
  tenant_url {text} not null, secret {bytes}, settings {text} not null, user_map {text} not null, group_map {text} not null);
create unique index app_name on app (name);
create table assignment (
  app bigint not null references app (id), object bigint not null, role {text} not null, kind smallint not null,
  since bigint not null, primary key (app, object, role));
create table run (
  app bigint primary key references app (id), cycle {bytes}, kind smallint not null, began bigint, planned bigint not null,
  done bigint not null, counts {text} not null, last_cycle {text}, steady bigint, reachable bigint, ended bigint,
  pause bigint, stopped {text});
create table walk (
  app bigint not null, step smallint not null, object bigint not null, after bigint not null,
  primary key (app, step, object));
create table link (
  app bigint not null references app (id), object bigint not null, kind smallint not null, state smallint not null,
  target {text}, sent {bytes}, source {bytes} not null, name {text} not null, whole boolean not null,
  cycle {bytes}, counted smallint not null, version bigint not null, changed bigint not null, primary key (app, object));
create unique index link_target on link (app, kind, target) where target is not null;
create index link_state on link (app, kind, state);
create table link_member (
  app bigint not null, grp bigint not null, member bigint not null, primary key (app, grp, member));
create index link_member_of on link_member (app, member);
create table delta (
  app bigint not null, grp bigint not null, member bigint not null, primary key (app, grp, member));
create table waiting (
  app bigint not null, awaited bigint not null, object bigint not null, primary key (app, awaited, object));
create index waiting_object on waiting (app, object);
create table leaver (
  app bigint not null, object bigint not null, kind smallint not null, cause smallint not null, state smallint not null,
  cycle {bytes} not null, since bigint not null, primary key (app, object));
create index leaver_state on leaver (app, state);
create table provisioning (
  id {key}, app bigint not null references app (id), at bigint not null, cycle {bytes} not null, kind smallint not null,
  source {bytes} not null, action {text} not null, status {text} not null, code {text}, doc {bytes} not null);
create index provisioning_app on provisioning (app, id);
create index provisioning_source on provisioning (app, source, id);
create index provisioning_at on provisioning (at);
",
"alter table assignment add column nested boolean not null default false;
alter table assignment add column priority bigint not null default 100;
alter table assignment add column overrides boolean not null default false;
alter table assignment add column given {text} not null default '';
create table pushed (
  app bigint not null references app (id), object bigint not null, state smallint not null, renames boolean not null,
  primary key (app, object));
create table protected (
  app bigint not null references app (id), object bigint not null, since bigint not null, primary key (app, object));
alter table app add column oauth {text};
",
"alter table app add column expires bigint;
alter table run add column heart {text};
alter table run add column limits {text};
alter table run add column total {text};
alter table link add column unsure boolean not null default false;
create table protected_everywhere (
  directory bigint not null, object bigint not null, since bigint not null, primary key (directory, object));
create table turn (
  app bigint not null references app (id), object bigint not null, at bigint not null, primary key (app, object));
create index turn_at on turn (app, at);
"],
};
