// Pocketbase is PocketBase with the orders that the benchmark measures.
//
//	pocketbase seed --dir DIR                 creates a data folder, and prints the tokens of its users as JSON
//	pocketbase serve --dir DIR --http ADDRESS
//
// It is a module of its own, so that its dependencies do not become those of the benchmark.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
)

func main() {
	config := pocketbase.Config{HideStartBanner: true}
	if os.Getenv("SYNCHRONOUS") == "FULL" {
		config.DBConnect = connectDurably
	}
	app := pocketbase.NewWithConfig(config)
	run := app.Start
	if len(os.Args) > 1 && os.Args[1] == "seed" {
		run = func() error { return seed(app, os.Stdout) }
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// connectDurably connects with the settings of core.DefaultDBConnect, except that commits to data.db are flushed. Request
// logs, in auxiliary.db, are not.
func connectDurably(path string) (*dbx.DB, error) {
	if filepath.Base(path) != "data.db" {
		return core.DefaultDBConnect(path)
	}
	return dbx.Open("sqlite", path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(200000000)"+
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-32000)")
}
