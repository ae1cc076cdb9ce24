-- The two databases of a Temporal that keeps its state in this Postgres; may be run again.
\set ON_ERROR_STOP on
\getenv temporal_password TEMPORAL_DATABASE_PASSWORD

select 'create role temporal login' where not exists (select from pg_roles where rolname = 'temporal') \gexec
alter role temporal password :'temporal_password';
select format('create database %I owner temporal', name) from (values ('temporal'), ('temporal_visibility')) as wanted (name)
where name not in (select datname from pg_database) \gexec
revoke all on database temporal from public;
revoke all on database temporal_visibility from public;
