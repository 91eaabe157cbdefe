package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"

	"userorder/database"
)

// rekey gives every account the key that keyOf makes of its name, after keyOf has changed. It works as follows:
//
//  1. Read all accounts in batches, without a lock, and write those whose key changes to the table rekeyed.
//  2. Lock the accounts against writing. What an earlier release registers from now on has its key, and what it has
//     registered meanwhile may have: the first login replaces it.
//  3. Add the accounts that have one of the new keys already.
//  4. Of the accounts with one key, the one with the smallest id keeps it. The others get their exactKey, and a warning
//     names both. An account whose name keyOf refuses keeps its key whatever happens.
//  5. Write the new keys. One may be the present key of an account that changes as well, which is moved away first.
//
// So the memory is that of a batch, accounts whose key stays are not written, and the lock lasts as long as steps 3 to 5,
// whose time depends on the number of accounts that change.
func rekey(ctx context.Context, tx *database.StepTx) error {
	r := rekeying{ctx, tx}
	if err := r.collect(); err != nil {
		return fmt.Errorf("read accounts: %w", err)
	}
	return r.settle()
}

type rekeying struct {
	ctx context.Context
	tx  *database.StepTx
}

// settle takes the lock and does what follows it.
func (r rekeying) settle() error {
	if err := r.tx.LockTable(r.ctx, "users"); err != nil {
		return err
	}
	if err := r.addHolders(); err != nil {
		return fmt.Errorf("read accounts that have a new key: %w", err)
	}
	if err := r.exec(settleKeys...); err != nil {
		return fmt.Errorf("settle keys: %w", err)
	}
	if err := r.warn(); err != nil {
		return fmt.Errorf("read accounts that have one name: %w", err)
	}
	if err := r.exec(writeKeys...); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	return nil
}

// rekeyed has the types, and on PostgreSQL the collation, of the columns that it is made from.
const createRekeyed = `
	CREATE TABLE rekeyed AS
	SELECT id, username_key AS old_key, username_key AS new_key, username_key AS exact_key, id AS seniority, id AS keeper
	FROM users WHERE 1 = 0`

var indexRekeyed = []string{
	`CREATE UNIQUE INDEX rekeyed_id ON rekeyed (id)`,
	`CREATE INDEX rekeyed_old_key ON rekeyed (old_key)`,
	`CREATE INDEX rekeyed_new_key ON rekeyed (new_key, seniority)`,
}

// settleKeys decides between accounts that have one new key.
var settleKeys = []string{
	`UPDATE rekeyed SET keeper =
		(SELECT older.id FROM rekeyed AS older WHERE older.new_key = rekeyed.new_key ORDER BY older.seniority LIMIT 1)`,
	`UPDATE rekeyed SET new_key = exact_key WHERE keeper <> id`,
	// Two accounts with one spelling cannot come from a registration. The index must not end the start over them.
	`UPDATE rekeyed SET new_key = new_key || ' ' || id WHERE keeper <> id AND (
		EXISTS (SELECT 1 FROM users WHERE users.username_key = rekeyed.new_key AND users.id <> rekeyed.id) OR
		EXISTS (SELECT 1 FROM rekeyed AS other WHERE other.exact_key = rekeyed.exact_key AND other.keeper <> other.id AND other.id < rekeyed.id))`,
}

// writeKeys moves accounts whose key another one gets to a key that nothing else makes, two spaces and a number, and
// then writes all new keys.
var writeKeys = []string{
	`UPDATE users SET username_key = '  ' || id WHERE id IN (
		SELECT leaving.id FROM rekeyed AS leaving JOIN rekeyed AS coming ON coming.new_key = leaving.old_key
		WHERE leaving.id <> coming.id)`,
	`UPDATE users SET username_key = rekeyed.new_key FROM rekeyed
	 WHERE rekeyed.id = users.id AND rekeyed.new_key <> rekeyed.old_key`,
	`DROP TABLE rekeyed`,
}

func (r rekeying) exec(statements ...string) error {
	for _, statement := range statements {
		if _, err := r.tx.ExecContext(r.ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// keyedAccount is an account with its present key.
type keyedAccount struct {
	id        int64
	name, key string
}

// change is a row of rekeyed.
type change struct {
	id                       int64
	oldKey, newKey, exactKey string
	seniority                int64 // the smallest keeps the key
}

// change returns what becomes of an account if no other one has its name.
func (a keyedAccount) change() change {
	c := change{a.id, a.key, a.key, username{typed: a.name}.exactKey(), a.id}
	if key, err := keyOf(a.name); err == nil && key != "" {
		c.newKey = key
	} else {
		c.seniority = math.MinInt64
	}
	return c
}

// collect writes the accounts whose key changes to rekeyed.
func (r rekeying) collect() error {
	const query = `SELECT id, username, username_key FROM users WHERE id > $1 ORDER BY id LIMIT 1000`
	if err := r.exec(createRekeyed); err != nil {
		return err
	}
	for last := int64(math.MinInt64); ; {
		accounts, err := r.read(query, last)
		if err != nil {
			return err
		}
		if len(accounts) == 0 {
			return r.exec(indexRekeyed...)
		}
		var changes []change
		for _, account := range accounts {
			if c := account.change(); c.newKey != c.oldKey {
				changes = append(changes, c)
			}
		}
		if err := r.insert(changes); err != nil {
			return err
		}
		last = accounts[len(accounts)-1].id
	}
}

// addHolders adds the accounts that have a key which another one should have, until there are none: one that was
// registered during collect may have to change, too. Accounts that have changed or gone since are left out.
func (r rekeying) addHolders() error {
	const stale = `
		DELETE FROM rekeyed WHERE NOT EXISTS
			(SELECT 1 FROM users WHERE users.id = rekeyed.id AND users.username_key = rekeyed.old_key)`
	const query = `
		SELECT id, username, username_key FROM users
		WHERE username_key IN (SELECT new_key FROM rekeyed) AND NOT EXISTS (SELECT 1 FROM rekeyed WHERE rekeyed.id = users.id)
		LIMIT 1000`
	if err := r.exec(stale); err != nil {
		return err
	}
	for {
		accounts, err := r.read(query)
		if err != nil || len(accounts) == 0 {
			return err
		}
		var changes []change
		for _, account := range accounts {
			changes = append(changes, account.change())
		}
		if err := r.insert(changes); err != nil {
			return err
		}
	}
}

func (r rekeying) read(query string, args ...any) (accounts []keyedAccount, err error) {
	err = r.each(query, func(rows *sql.Rows) error {
		var a keyedAccount
		err := rows.Scan(&a.id, &a.name, &a.key)
		accounts = append(accounts, a)
		return err
	}, args...)
	return accounts, err
}

func (r rekeying) each(query string, scan func(*sql.Rows) error, args ...any) (err error) {
	rows, err := r.tx.QueryContext(r.ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (r rekeying) insert(changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	var rows []string
	var args []any
	for _, c := range changes {
		n := len(args)
		rows = append(rows, fmt.Sprintf("($%d, $%d, $%d, $%d, $%d, $%d)", n+1, n+2, n+3, n+4, n+5, n+6))
		args = append(args, c.id, c.oldKey, c.newKey, c.exactKey, c.seniority, c.id)
	}
	_, err := r.tx.ExecContext(r.ctx, `
		INSERT INTO rekeyed (id, old_key, new_key, exact_key, seniority, keeper) VALUES `+strings.Join(rows, ", "), args...)
	return err
}

// warn logs both accounts wherever one has lost its name to another.
func (r rekeying) warn() error {
	const query = `
		SELECT loser.id, loser.username, keeper.id, keeper.username FROM rekeyed
		JOIN users AS loser ON loser.id = rekeyed.id JOIN users AS keeper ON keeper.id = rekeyed.keeper
		WHERE rekeyed.keeper <> rekeyed.id ORDER BY loser.id`
	return r.each(query, func(rows *sql.Rows) error {
		var loser, keeper keyedAccount
		if err := rows.Scan(&loser.id, &loser.name, &keeper.id, &keeper.name); err != nil {
			return err
		}
		r.tx.Log.Warn("two accounts have one name now: the other logs in by its exact spelling alone",
			"keeps_name", keeper.name, "keeps_userid", keeper.id, "other_name", loser.name, "other_userid", loser.id)
		return nil
	})
}
