package main

import (
	"context"
	"slices"
	"time"

	"userorder/database"
	"userorder/order"
	"userorder/user"
)

type module struct {
	name    string // as in MODULES, and in the first part of its routes
	migrate func(context.Context, *database.DB) error
	tables  []database.Table
	newest  func(context.Context, *database.DB) (time.Time, error) // when the last row was created
}

// modules returns all modules. Settings, migrations, backups, moves between databases, the doctor and the log range over this list.
// newService has a block for each, since each is configured differently; a test compares the two.
func modules() []module {
	return []module{
		{"user", user.Migrate, user.Tables(), user.Newest},
		{"order", order.Migrate, order.Tables(), order.Newest},
	}
}

func moduleNames() (names []string) {
	for _, m := range modules() {
		names = append(names, m.name)
	}
	return names
}

// served returns the modules that this process serves.
func (c *Config) served() (served []module) {
	for _, m := range modules() {
		if c.serves(m.name) {
			served = append(served, m)
		}
	}
	return served
}

// serves reports whether this process serves a module.
func (c *Config) serves(name string) bool { return slices.Contains(c.Modules, name) }
