-- After a restore, before anything is started: moves the counters of every environment past all that was handed out
-- between the backup and now, so that no application takes the restored flags for old ones.
\set ON_ERROR_STOP on
update control set revision = revision + 1000000, epoch = epoch + 1000000;
