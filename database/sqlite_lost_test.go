package database

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"userorder/database/sqlite"
)

var errMine = errors.New("mine")

// failCommits makes the COMMIT after a call of tag fail: on a healthy disk only a violated deferred foreign key does that.
func failCommits(t *testing.T, file *sqliteFile) {
	require.NoError(t, file.writer.exec("PRAGMA foreign_keys = 1"))
	require.NoError(t, file.writer.exec(
		"CREATE TABLE tags (note INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)"))
}

func tag(tx *Tx) error {
	_, err := tx.Exec("INSERT INTO tags (note) VALUES (99)")
	return err
}

// rollBack ends the transaction of a group, as SQLite does by itself when the disk is full.
func rollBack(tx *Tx) error {
	_, err := tx.Exec("ROLLBACK")
	return err
}

// members are the kinds of callers whose answer depends on the row that an earlier member of the group has inserted.
var members = []struct {
	name string
	call func(ctx context.Context, db *DB) error
}{
	{"an insert", func(ctx context.Context, db *DB) error {
		_, err := db.Insert(ctx, "INSERT INTO notes (body) VALUES ('another')")
		return err
	}},
	{"an insert that a unique index refuses", func(ctx context.Context, db *DB) error {
		_, err := db.Insert(ctx, "INSERT INTO notes (body) VALUES ('taken')")
		return err
	}},
	{"an insert that a unique index refuses in a Write", func(ctx context.Context, db *DB) error {
		return db.Write(ctx, insert("taken"))
	}},
	{"an insert that ON CONFLICT leaves out", func(ctx context.Context, db *DB) error {
		_, err := db.Insert(ctx, "INSERT INTO notes (body) VALUES ('taken') ON CONFLICT DO NOTHING")
		return err
	}},
	{"a conditional update that changes nothing", func(ctx context.Context, db *DB) error {
		rows, err := db.Exec(ctx, "UPDATE notes SET body = 'changed' WHERE NOT EXISTS (SELECT 1 FROM notes WHERE body = 'taken')")
		if err == nil && rows == 0 {
			return errMine
		}
		return err
	}},
	{"a conditional update that returns nothing", func(ctx context.Context, db *DB) error {
		var id int64
		return db.ExecRow(ctx, "UPDATE notes SET body = 'changed' WHERE body = 'free' RETURNING id").Scan(&id)
	}},
	{"a read in a Write", func(ctx context.Context, db *DB) error {
		return db.Write(ctx, func(tx *Tx) error {
			var id int64
			if err := tx.QueryRow("SELECT id FROM notes WHERE body = 'taken'").Scan(&id); err != nil {
				return err
			}
			return errMine
		})
	}},
	{"a read in a Write that finds nothing", func(ctx context.Context, db *DB) error {
		return db.Write(ctx, func(tx *Tx) error {
			var id int64
			return tx.QueryRow("SELECT id FROM notes WHERE body = 'free'").Scan(&id)
		})
	}},
}

// joins starts a call and returns once it is blocked.
func joins(call func() error) (result <-chan error) {
	c := make(chan error, 1)
	go func() { c <- call() }()
	synctest.Wait()
	return c
}

func TestARefusalDoesNotOutliveItsGroup(t *testing.T) {
	for _, loss := range []struct {
		name string
		lose func(*Tx) error
		want error
	}{
		{"a COMMIT that fails", tag, ErrOutcomeUnknown},
		{"a transaction that SQLite rolls back", rollBack, ErrUnavailable},
	} {
		for _, member := range members {
			t.Run(loss.name+": "+member.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					db, file, seen := openFile(t)
					failCommits(t, file)
					require.NoError(t, db.Write(t.Context(), insert("free")))
					groups := seen.groups.Load()
					release := busy(t, db)
					first := queue(t.Context(), db, func(tx *Tx) error {
						_, err := tx.Exec("UPDATE notes SET body = 'taken' WHERE body = 'free'")
						return err
					})
					result := joins(func() error { return member.call(t.Context(), db) })
					last := queue(t.Context(), db, loss.lose)
					require.ErrorIs(t, release(), loss.want)
					require.ErrorIs(t, <-first, loss.want)
					require.ErrorIs(t, <-last, loss.want)

					err := <-result
					require.ErrorIs(t, err, loss.want)
					require.False(t, IsUniqueViolation(err), err)
					require.NotErrorIs(t, err, sql.ErrNoRows)
					require.NotErrorIs(t, err, errMine)
					if errors.Is(loss.want, ErrUnavailable) {
						require.NotErrorIs(t, err, ErrOutcomeUnknown, "it was certainly undone")
					}
					require.EqualValues(t, 1, seen.groups.Load()-groups)
					var body string
					require.NoError(t, db.QueryRow(t.Context(), "SELECT body FROM notes").Scan(&body))
					require.Equal(t, "free", body)
				})
			})
		}
	}
}

func TestARefusalInAGroupThatIsKeptStands(t *testing.T) {
	for _, member := range members[1:] {
		t.Run(member.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db, _, _ := openFile(t)
				require.NoError(t, db.Write(t.Context(), insert("free")))
				release := busy(t, db)
				first := queue(t.Context(), db, func(tx *Tx) error {
					_, err := tx.Exec("UPDATE notes SET body = 'taken' WHERE body = 'free'")
					return err
				})
				result := joins(func() error { return member.call(t.Context(), db) })
				require.NoError(t, release())
				require.NoError(t, <-first)
				err := <-result
				require.Error(t, err)
				require.NotErrorIs(t, err, ErrUnavailable)
				require.NotErrorIs(t, err, ErrOutcomeUnknown)
			})
		})
	}
}

// TestARefusalForWhatIsOnDiskStands covers members that fail before any member of the group has succeeded. They have seen
// only rows on disk, so their errors hold although the group is lost.
func TestARefusalForWhatIsOnDiskStands(t *testing.T) {
	for name, lose := range map[string]func(*Tx) error{"a COMMIT that fails": tag, "a transaction that is rolled back": rollBack} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db, file, _ := openFile(t)
				failCommits(t, file)
				require.NoError(t, db.Write(t.Context(), insert("taken")))
				running, hold := make(chan struct{}), make(chan struct{})
				first := joins(func() error {
					return db.Write(t.Context(), func(tx *Tx) error {
						close(running)
						<-hold
						return insert("taken")(tx)
					})
				})
				<-running
				second := queue(t.Context(), db, insert("taken"))
				last := queue(t.Context(), db, lose)
				close(hold)
				require.True(t, IsUniqueViolation(<-first))
				require.True(t, IsUniqueViolation(<-second), "the first was undone, so the second saw what is on disk")
				require.Error(t, <-last)
			})
		})
	}
}

func TestTheFirstMemberKeepsTheErrorByWhichItLosesTheGroup(t *testing.T) {
	t.Parallel()
	db, _, _ := openFile(t)
	require.NoError(t, db.Write(t.Context(), insert("taken")))
	err := db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec("INSERT OR ROLLBACK INTO notes (body) VALUES ('taken')")
		return err
	})
	require.True(t, IsUniqueViolation(err))
}

func TestACallerThatLeavesIsNotRefusedForARowThatMayBeLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, _ := openFile(t)
		release := busy(t, db)
		first := queue(t.Context(), db, insert("taken"))
		ctx, cancel := context.WithCancel(t.Context())
		refused := queue(ctx, db, insert("taken"))
		hold := make(chan struct{})
		last := queue(t.Context(), db, func(tx *Tx) error {
			<-hold // the group cannot end before this
			return rollBack(tx)
		})
		released := joins(release) // the refused one has run
		cancel()
		err := <-refused
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, ErrOutcomeUnknown, "it was undone")
		require.False(t, IsUniqueViolation(err))
		close(hold)
		for _, result := range []<-chan error{first, last, released} {
			require.ErrorIs(t, <-result, ErrUnavailable)
		}
		require.Zero(t, count(t, db))
	})
}

func TestAPanicIsTheCallersWhateverBecomesOfItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, _ := openFile(t)
		release := busy(t, db)
		panicked := joins(func() (err error) {
			defer func() { err, _ = recover().(error) }()
			return db.Write(t.Context(), func(*Tx) error { panic(errMine) })
		})
		last := queue(t.Context(), db, rollBack)
		require.ErrorIs(t, release(), ErrUnavailable)
		require.ErrorIs(t, <-last, ErrUnavailable)
		require.ErrorIs(t, <-panicked, errMine)
	})
}

func TestAFileThatAnotherProgramLocksIsUnavailable(t *testing.T) {
	t.Parallel()
	db, file, _ := openFile(t)
	require.NoError(t, file.writer.exec("PRAGMA busy_timeout = 1"))
	other, err := sqlite.Open(file.path, sqlite.ReadWrite)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	_, err = other.Run("BEGIN IMMEDIATE", nil, nil)
	require.NoError(t, err)
	require.ErrorIs(t, db.Write(t.Context(), insert("a")), ErrUnavailable)
	_, err = other.Run("ROLLBACK", nil, nil)
	require.NoError(t, err)
	require.NoError(t, db.Write(t.Context(), insert("a")))
}
