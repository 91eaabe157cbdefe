package report

import "strings"

// differences describes what contenders with accounts do differently for the same work. Those that were skipped are left out.
func (m Machine) differences() string {
	service := "argon2id, 19 MiB and 2 passes; at most `HASH_CONCURRENCY` at once"
	var rows [][]string
	for _, row := range []struct {
		present bool
		cells   []string
	}{
		{true, []string{"userorder, SQLite", "after a flush of the disk, which concurrent creates share", service, "writes the event of each order, and no request log"}},
		{m.Postgres != "", []string{"userorder, PostgreSQL", "after PostgreSQL's flush", service, "as on SQLite"}},
		{m.PocketBase != "", []string{"PocketBase", "**before any flush**: `synchronous=NORMAL`, so a power failure may take it",
			"bcrypt, cost 10; no limit on concurrency", "reads the user for each token, and writes each request to its log, another SQLite file"}},
		{m.PocketBase != "", []string{"PocketBase, synchronous=FULL", "after a flush of its own", "as above", "as above; its log is not flushed"}},
		{m.Flask != "", []string{"Flask", "**never written**: a list in memory", "SHA-256, once, without salt", "no request log"}},
	} {
		if row.present {
			rows = append(rows, row.cells)
		}
	}
	var b strings.Builder
	b.WriteString("\n## What differs\n\n")
	table(&b, "llll", []string{"contender", "a create is answered", "passwords", "besides"}, rows)
	return b.String()
}
