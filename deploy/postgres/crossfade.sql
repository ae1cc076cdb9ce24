-- The database of Crossfade and its two roles, on any Postgres from 15 on; may be run again, also to change passwords:
--   CROSSFADE_OWNER_PASSWORD=... CROSSFADE_APP_PASSWORD=... psql <administrator's address> -f deploy/postgres/crossfade.sql
-- crossfade_owner migrates the schema; crossfade_app reads and writes rows, and can create, alter and drop nothing.
\set ON_ERROR_STOP on
\getenv owner_password CROSSFADE_OWNER_PASSWORD
\getenv app_password CROSSFADE_APP_PASSWORD

select format('create role %I login', name) from (values ('crossfade_owner'), ('crossfade_app')) as wanted (name)
where name not in (select rolname from pg_roles) \gexec
alter role crossfade_owner password :'owner_password';
alter role crossfade_app password :'app_password';
-- An administrator who is no superuser, as at a managed Postgres, acts for the owner below.
grant crossfade_owner to current_user;

select 'create database crossfade owner crossfade_owner'
where not exists (select from pg_database where datname = 'crossfade') \gexec
revoke all on database crossfade from public;
grant connect on database crossfade to crossfade_app;

\connect crossfade
set role crossfade_owner;
revoke create on schema public from public;
grant usage on schema public to crossfade_app;
-- For what there is, when this is run again, and for what later migrations add.
grant select, insert, update, delete on all tables in schema public to crossfade_app;
grant usage on all sequences in schema public to crossfade_app;
alter default privileges in schema public grant select, insert, update, delete on tables to crossfade_app;
alter default privileges in schema public grant usage on sequences to crossfade_app;
