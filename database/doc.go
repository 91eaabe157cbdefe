// Package database opens a SQLite file or a PostgreSQL server by its URL and gives modules one way to read, to write and
// to migrate their tables. It owns connections, group commit, retries and the meaning of driver errors. It must not know
// any module, any table or anything of HTTP.
//
// This comment is a map to read before the code. What both engines share is in database.go, tx.go, error.go, migrate.go
// and copy.go; the rest bears the name of its engine.
//
// # One store method is one transaction
//
// A method of a store is a single statement (QueryRow, Collect, Exec, ExecRow, Insert) or one Write. Services never see
// a Tx, so none can call the DB inside of a Write, which would deadlock on SQLite until the timeout. A function that
// joins the transaction of another takes its Tx.
//
// # The way of a read
//
// On SQLite QueryRow and Collect take a connection of readers (sqlite_readers.go), a pool of two to four, and run their
// statement on the caller's goroutine. A timer for each connection interrupts a query whose time is up
// (sqlite_reader.go). A damaged page stops all writing. On PostgreSQL they take a connection of pgx's pool
// (postgres_engine.go) and retry up to three times if it is lost (postgres_retry.go). While many are under way, those of
// QueryRow are sent in groups, as single statements that write are.
//
// # The way of a write
//
// On SQLite Exec, Insert, ExecRow and Write put a call into the queue of the writer (sqlite_writer.go) and block. The
// writer's goroutine begins a transaction and executes the first call and those waiting behind it, up to 256. A single
// statement runs as it is; a Write, or a statement whose row is scanned, runs behind a savepoint, so that its failure
// leaves nothing behind. COMMIT flushes the disk once, and only then do the callers return. This is group commit: the
// longer a flush takes, the more calls share the next one.
//
// A member of such a group sees the uncommitted rows of those before it. If the group is kept, each member has its own
// answer. If it is lost, every member has the error of the group, except one that failed before any other member had
// succeeded: that one has seen only rows on disk. So a user name is never called taken because of a row that was lost.
//
// On PostgreSQL a single statement commits by itself, in one round trip; a Write is BEGIN, its statements and COMMIT. A
// call that loses to another transaction, or loses its connection before COMMIT is sent, is retried. While many single
// statements are under way, others queue and are sent together (postgres_group.go) in a pipeline, as one transaction
// (postgres_pipeline.go). If a group is not kept, each of its members runs alone, so that it sees no row of another.
//
// # Another process
//
// One process serves a SQLite file, which a lock ensures (lockFile). Another may open it with Options.Beside
// (sqlite_beside.go): each of its calls opens and closes the file, and a write waits for a gap between two groups, as the
// service's next group waits for that write. With Options.ReadOnly it only reads, leaves a log as it is, and can be examined
// (examine.go).
//
// # Backups
//
// Backup and [DB.Backup] (sqlite_backup.go) read one snapshot on a connection of their own, so they delay no write but
// keep the log from starting over. DB.Backup rests most of the time, for the requests of its process. BackupFolder
// (sqlite_backup_folder.go) names backups by time, lists them and removes old ones.
//
// # Restore
//
// Restore (sqlite_restore.go, sqlite_replace.go) makes PATH-restoring, a complete copy, then moves the database and its log aside and
// renames the copy. Whoever has the lock next, a service at its start or another Restore, finishes what was interrupted.
//
// # Migrations
//
// Migrate applies the files of a module and its steps in Go (migrate_step.go), each in a transaction with its version.
// Every text in an index has the collation "C" on PostgreSQL: the order of any other is a library's and changes with it.
//
// # Time
//
// Each call takes 5 seconds at most, the wait for its turn or a connection included. A caller whose context ends in the
// writer's queue leaves the queue. During the COMMIT it returns at once, with ErrOutcomeUnknown.
//
// # Goroutines
//
// The writer's goroutine, started by Open, owns the writing connection: nothing else may use it while the writer runs.
// Twice a second, between two groups, it looks whether its file is still where it was (sqlite_watch.go). A reader belongs
// to the goroutine that has taken it; the timer's goroutine may only interrupt it. The function given to Write runs on the
// writer's goroutine on SQLite and on the caller's on PostgreSQL, and never outlives the call; its panic reaches the caller
// on both. pgx's pool has goroutines of its own. Groups on PostgreSQL are sent by goroutines that end when
// nobody waits. Close ends all of them.
//
// # Errors
//
//   - sql.ErrNoRows: the result is empty, or ON CONFLICT DO NOTHING skipped the row.
//   - IsUniqueViolation: the row is in conflict with a committed one. If the conflict is over a generated key, the error
//     is a mistake instead, of whoever restored the table without its sequence (postgres_key.go).
//   - context.Canceled: the caller left before anything was changed.
//   - ErrUnavailable: the network, the server, the disk or the time of the call failed. Nothing was changed; a retry may
//     succeed. Failures of unknown kind count as unavailable, too.
//   - ErrOutcomeUnknown: COMMIT, or on PostgreSQL a single statement, was sent and its answer is missing. Only a look at
//     the data can tell. After most failed COMMITs a SQLite file takes no writes until a restart (stopIfInDoubt).
//     Neither does a file that was moved, deleted or replaced, or whose -wal was, while it is open (lookAfterFile).
//   - Any other error is a mistake of ours: SQL that the engine rejects, a wrong number or type of arguments or
//     destinations, several statements in one text, a query that writes, an error of its Tx ignored by the function given
//     to Write. Nothing was changed, and a retry fails in the same way: it becomes a 500 and a line in the log.
//
// # What is never done
//
// On SQLite a statement of a group is never interrupted: it would roll back the whole transaction. A write is never retried
// unless it is certain that nothing of it was kept. No write is acknowledged before its flush, or after one has failed.
// A file is never served by two processes. No error contains a password.
package database
