//go:build !unix

package databasetest

import "errors"

func startPostgres() (server, error) {
	return server{}, errors.New("TEST_DATABASE_URL is not set")
}
