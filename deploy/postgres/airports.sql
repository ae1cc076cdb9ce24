-- The database of the reference application, which makes its own schema; may be run again.
\set ON_ERROR_STOP on
\getenv airports_password AIRPORTS_DATABASE_PASSWORD

select 'create role airports login' where not exists (select from pg_roles where rolname = 'airports') \gexec
alter role airports password :'airports_password';
select 'create database airports owner airports' where not exists (select from pg_database where datname = 'airports')
\gexec
revoke all on database airports from public;
