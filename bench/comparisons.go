package main

import "userorder/bench/report"

// grown lists what is measured on databases of all sizes in o.growth.
func (o options) grown() (all []report.Growth) {
	for _, g := range []struct {
		name    string
		work    func(size) string
		clients int
	}{
		{create, byManyAt, crowds[2]},
		{"list of 20", listOf, clients},
		{"query", queryOf, clients},
	} {
		for _, contender := range []string{onSQLite, onPostgres} {
			growth := report.Growth{Work: g.name, Contender: contender}
			for _, s := range o.growth {
				growth.Rows = append(growth.Rows, at(contender, g.work(s), g.clients))
			}
			all = append(all, growth)
		}
	}
	return all
}

func sizesOf(all []size) (names []string) {
	for _, s := range all {
		names = append(names, s.name)
	}
	return names
}

// costs lists what features cost the requests that they are part of.
func costs() (all []report.Cost) {
	const crowd = 64
	for _, engine := range []struct{ name, before string }{{onSQLite, beforeSQLite}, {onPostgres, beforePostgres}} {
		on := func(work string, clients int) report.Key { return at(engine.name, work, clients) }
		all = append(all,
			report.Cost{Feature: "create: event and lists", Without: at(engine.before, byMany, crowd), With: on(byMany, crowd)},
			report.Cost{Feature: "create: idempotency key", Without: on(byMany, crowd), With: on(keyed, crowd)},
			report.Cost{Feature: "create: webhook", Without: on(unhooked, crowd), With: on(hooked, crowd)},
			report.Cost{Feature: "query: session of the token", Without: on(sessionless, clients), With: on(queryOf(small), clients)},
		)
	}
	return append(all, report.Cost{Feature: "query: request log", Without: at(onSQLite, queryOf(small), clients), With: at(onSQLite, logged, clients)})
}
