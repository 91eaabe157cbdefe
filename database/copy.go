package database

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// Table describes a table to Copy.
type Table struct {
	Name     string
	Columns  []string // all of them, the primary key first
	Identity bool     // the database generates the key
	Derived  bool     // migrations, or triggers of tables before it, fill it: Copy clears it before it copies the rows
}

// copier is what Copy, and Open, need of an engine besides the methods of DB.
type copier interface {
	pool() *sql.DB // for reading
	hasTable(ctx context.Context, name string) (bool, error)
	isMigrated(ctx context.Context) (bool, error)           // any module's tables are there
	lastID(ctx context.Context, table Table) (int64, error) // the last key generated
	setLastID(ctx context.Context, table Table, id int64) error
	lockCopy(ctx context.Context) (unlock func(), err error)
}

// unfinished is the name of a table that exists while a database holds part of a copy. It lists the copied tables.
const unfinished = "unfinished_copy"

var (
	errUnfinished = errors.New("it holds a copy that was not finished: run userorder migrate-data again, which starts over")
	errCopying    = errors.New("another copy to it is in progress")
)

// batch is the number of rows read and written at once.
const batch = 500

// Copy copies tables from one database to another, on any two engines. It calls migrate to create the tables and
// progress after each batch, compares all rows in the end, and makes the target generate keys that follow the source's.
//
// A target that has rows already is an error. An interrupted Copy leaves a mark: Open refuses the target unless
// Options.Unfinished is set, and another Copy of the same tables starts over. Of concurrent Copies to one target all
// but one fail. Nothing else may write to either database during a Copy.
func Copy(
	ctx context.Context, from, to *DB, migrate func(context.Context, *DB) error, tables []Table,
	progress func(table string, done, total int64),
) error {
	unlock, err := to.engine.copier().lockCopy(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := prepareTarget(ctx, to, tables); err != nil {
		return err
	}
	if err := migrate(ctx, to); err != nil {
		return err
	}
	for _, table := range tables {
		if table.Derived {
			if err := clearTable(ctx, to, table); err != nil {
				return fmt.Errorf("clear %s: %w", table.Name, err)
			}
		}
		if err := copyTable(ctx, from, to, table, progress); err != nil {
			return fmt.Errorf("copy %s: %w", table.Name, err)
		}
		if err := compare(ctx, from, to, table); err != nil {
			return fmt.Errorf("compare %s: %w", table.Name, err)
		}
	}
	_, err = to.Exec(ctx, "DROP TABLE "+unfinished)
	return err
}

// refuseUnfinished returns an error if the database holds part of a copy.
func refuseUnfinished(ctx context.Context, db *DB) error {
	marked, err := db.engine.copier().hasTable(ctx, unfinished)
	if err == nil && marked {
		return errUnfinished
	}
	return err
}

// prepareTarget marks the target as unfinished. A target that has rows is refused, unless it is marked for the same
// tables already: then the rows are left from an interrupted copy and are deleted.
func prepareTarget(ctx context.Context, to *DB, tables []Table) error {
	var names []string
	for _, table := range tables {
		names = append(names, table.Name)
	}
	list := strings.Join(names, ",")
	marked, err := isMarked(ctx, to, list)
	if err != nil {
		return err
	}
	for _, table := range tables {
		exists, err := to.engine.copier().hasTable(ctx, table.Name)
		switch {
		case err != nil:
			return err
		case !exists:
		case marked:
			if err := clearTable(ctx, to, table); err != nil {
				return fmt.Errorf("clear %s: %w", table.Name, err)
			}
		case table.Derived: // cleared when its turn comes
		default:
			var one int
			err := to.QueryRow(ctx, "SELECT 1 FROM "+table.Name+" LIMIT 1").Scan(&one)
			if !errors.Is(err, sql.ErrNoRows) {
				return errors.Join(fmt.Errorf("the target is not empty: %s has rows", table.Name), err)
			}
		}
	}
	if marked {
		return nil
	}
	return to.Write(ctx, func(tx *Tx) error {
		if _, err := tx.Exec("CREATE TABLE " + unfinished + " (tables TEXT NOT NULL)"); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO "+unfinished+" (tables) VALUES ($1)", list)
		return err
	})
}

// isMarked reports whether the target holds part of a copy of these tables. Part of a copy of other tables is an error:
// the rest of the target may be data that exists nowhere else.
func isMarked(ctx context.Context, to *DB, list string) (bool, error) {
	exists, err := to.engine.copier().hasTable(ctx, unfinished)
	if err != nil || !exists {
		return false, err
	}
	var of string
	if err := to.QueryRow(ctx, "SELECT tables FROM "+unfinished).Scan(&of); err != nil {
		return false, err
	}
	if of != list {
		return false, fmt.Errorf("it holds part of a copy of %s: finish that one first, with the same MODULES", of)
	}
	return true, nil
}

func clearTable(ctx context.Context, db *DB, table Table) error {
	statement := fmt.Sprintf("DELETE FROM %[1]s WHERE %[2]s IN (SELECT %[2]s FROM %[1]s ORDER BY %[2]s LIMIT %[3]d)",
		table.Name, table.Columns[0], batch)
	for rows := int64(1); rows > 0; {
		var err error
		if rows, err = db.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func copyTable(ctx context.Context, from, to *DB, table Table, progress func(string, int64, int64)) error {
	var done, total int64
	if err := from.engine.copier().pool().QueryRowContext(ctx, "SELECT count(*) FROM "+table.Name).Scan(&total); err != nil {
		return err
	}
	var last int64 // key
	err := eachBatch(ctx, from, table, func(rows [][]any) error {
		var values []any
		for _, row := range rows {
			values = append(values, row...)
		}
		if _, err := to.Exec(ctx, insertion(table, len(rows)), values...); err != nil {
			return err
		}
		done += int64(len(rows))
		last, _ = rows[len(rows)-1][0].(int64)
		progress(table.Name, done, total)
		return nil
	})
	if err != nil || !table.Identity {
		return err
	}
	generated, err := from.engine.copier().lastID(ctx, table)
	if err != nil {
		return err
	}
	return to.engine.copier().setLastID(ctx, table, max(generated, last))
}

// insertion returns the text of an INSERT of several rows.
func insertion(table Table, rows int) string {
	var text strings.Builder
	text.WriteString("INSERT INTO " + table.Name + " (" + strings.Join(table.Columns, ", ") + ") VALUES ")
	for n := range rows * len(table.Columns) {
		switch {
		case n == 0:
			text.WriteString("(")
		case n%len(table.Columns) == 0:
			text.WriteString("), (")
		default:
			text.WriteString(", ")
		}
		text.WriteString("$" + strconv.Itoa(n+1))
	}
	text.WriteString(")")
	return text.String()
}

// eachBatch calls visit with all rows of a table, batch by batch, in the order of their keys.
func eachBatch(ctx context.Context, db *DB, table Table, visit func(rows [][]any) error) error {
	key := table.Columns[0]
	query := fmt.Sprintf("SELECT %s FROM %s %%s ORDER BY %s LIMIT %d", strings.Join(table.Columns, ", "), table.Name, key, batch)
	first, next := fmt.Sprintf(query, ""), fmt.Sprintf(query, "WHERE "+key+" > $1")
	rows, err := readBatch(ctx, db, len(table.Columns), first)
	for err == nil && len(rows) > 0 {
		if err := visit(rows); err != nil {
			return err
		}
		rows, err = readBatch(ctx, db, len(table.Columns), next, rows[len(rows)-1][0])
	}
	return err
}

func readBatch(ctx context.Context, db *DB, columns int, query string, args ...any) (batch [][]any, err error) {
	rows, err := db.engine.copier().pool().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row, pointers := make([]any, columns), make([]any, columns)
		for i := range row {
			pointers[i] = &row[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			return nil, err
		}
		batch = append(batch, row)
	}
	return batch, rows.Err()
}

// compare reads a table from both databases and returns an error if they differ.
func compare(ctx context.Context, from, to *DB, table Table) error {
	want, err := digest(ctx, from, table)
	if err != nil {
		return err
	}
	got, err := digest(ctx, to, table)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the copy differs: %s instead of %s", got, want)
	}
	return nil
}

// digest returns the number of rows in a table and a hash of their contents.
func digest(ctx context.Context, db *DB, table Table) (string, error) {
	sum, count := sha256.New(), 0
	err := eachBatch(ctx, db, table, func(rows [][]any) error {
		count += len(rows)
		for _, row := range rows {
			for _, value := range row {
				digestValue(sum, value)
			}
		}
		return nil
	})
	return fmt.Sprintf("%d rows, SHA-256 %x", count, sum.Sum(nil)), err
}

// digestValue hashes a value with its length, so that different rows have different input.
func digestValue(sum hash.Hash, value any) {
	text := fmt.Sprint(value)
	if bytes, ok := value.([]byte); ok { // one driver returns texts as bytes
		text = string(bytes)
	}
	if value == nil {
		_, _ = fmt.Fprint(sum, "null;")
		return
	}
	_, _ = fmt.Fprintf(sum, "%d:%s;", len(text), text)
}
