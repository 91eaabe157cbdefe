package database_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userorder/database"
)

// secrets adds rows whose texts, which are in an index as well, have the marker, then replaces two thirds and deletes
// the rest. The texts sort by chance.
func secrets(t *testing.T, db *database.DB, marker string, rows int) {
	t.Helper()
	text := func(what string) string {
		return fmt.Sprintf("%08x %s %s", rand.Uint32(), what, strings.Repeat("y", rand.IntN(60)))
	}
	require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) error {
		for id := range rows {
			if _, err := tx.Exec("INSERT INTO notes (id, body) VALUES ($1, $2)", id, text(marker)); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, db.Write(t.Context(), func(tx *database.Tx) (err error) {
		for id := range rows {
			if id%3 == 0 {
				_, err = tx.Exec("DELETE FROM notes WHERE id = $1", id)
			} else {
				_, err = tx.Exec("UPDATE notes SET body = $1 WHERE id = $2", text("replaced"), id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestWhatIsDeletedOrReplacedIsErasedFromTheFile(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]database.Options{"by the service": {}, "beside it": {Beside: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filled(t)
			db, err := database.Open(t.Context(), "sqlite:"+path, options)
			require.NoError(t, err)
			_, err = db.Exec(t.Context(), "UPDATE notes SET body = 'MARKER' || id WHERE id % 7 = 0") // shorter, in pages that are full
			require.NoError(t, err)
			_, err = db.Exec(t.Context(), "UPDATE notes SET body = 'replaced' || id WHERE id % 14 = 0")
			require.NoError(t, err)
			_, err = db.Exec(t.Context(), "DELETE FROM notes WHERE id % 7 = 0 AND id % 14 > 0")
			require.NoError(t, err)
			require.NoError(t, db.Close())
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Zero(t, bytes.Count(text, []byte("MARKER")))
			require.NoFileExists(t, path+"-wal")
		})
	}
}

// TestWhatIsErasedFromPagesThatAreSplit covers what no pragma reaches: SQLite moves rows when it splits a page, and
// leaves their old bytes between the pointers and the content of the old page, where the next rows are written. A
// backup has no such bytes.
func TestWhatIsErasedFromPagesThatAreSplit(t *testing.T) {
	t.Parallel()
	db, url := served(t, database.Options{})
	path, _ := database.SQLitePath(url)
	const rows = 9000
	secrets(t, db, "MARKER", rows)
	copied := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, database.Backup(t.Context(), url, copied))
	require.NoError(t, db.Close())
	text, err := os.ReadFile(copied)
	require.NoError(t, err)
	require.Zero(t, bytes.Count(text, []byte("MARKER")), "it is in a backup")

	text, err = os.ReadFile(path)
	require.NoError(t, err)
	live := livePages(t, path)
	gaps := 0
	for page := range len(text) / 4096 {
		data := text[page*4096 : (page+1)*4096]
		found := bytes.Count(data, []byte("MARKER"))
		if found == 0 {
			continue
		}
		require.Contains(t, live, page+1, "it is in a free page")
		require.Equal(t, found, bytes.Count(gap(data), []byte("MARKER")), "it is among the rows of page %d", page+1)
		gaps += found
	}
	t.Logf("%d of %d deleted texts are left in gaps", gaps, 2*rows)
	require.Less(t, gaps, 2*rows/200)
}

// livePages returns the numbers of the pages that belong to a table or an index.
func livePages(t *testing.T, path string) (live map[int]bool) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	rows, err := db.Query("SELECT pageno FROM dbstat")
	require.NoError(t, err)
	live = map[int]bool{}
	for rows.Next() {
		var number int
		require.NoError(t, rows.Scan(&number))
		live[number] = true
	}
	require.NoError(t, rows.Err())
	return live
}

// gap returns the bytes of a page that no row has (https://www.sqlite.org/fileformat.html#b_tree_pages).
func gap(page []byte) []byte {
	header := 8
	if page[0] == 2 || page[0] == 5 { // an interior page
		header = 12
	}
	cells := int(binary.BigEndian.Uint16(page[3:]))
	return page[header+2*cells : binary.BigEndian.Uint16(page[5:])]
}
