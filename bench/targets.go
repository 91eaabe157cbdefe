package main

import (
	"fmt"
	"slices"

	"userorder/bench/report"
)

// targets compares the results with the targets of the service.
func targets(r *report.Results) []report.Target {
	few, middle, many := queryOf(small), queryOf(medium), queryOf(large)
	const crowd = 64
	ratio := func(what string, bound float64, of report.Measure, key, base report.Key) report.Target {
		return ratioOf(r, what, bound, of, key, base)
	}
	query, made := at(onSQLite, few, clients), at(onSQLite, create, crowd)
	cpu := ratio("query, CPU a request, against net/http alone", 2, report.CPU, query, at(onBare, few, clients))
	cpu.AtMost, cpu.Unit = true, "×"
	return slices.Concat([]report.Target{
		ratio("query, 1 thousand orders, 32 clients, against net/http alone", 0.58, report.Rate, query, at(onBare, few, clients)),
		cpu,
		ratio("query at 10 million orders against 1 thousand", 0.85, report.Rate, at(onSQLite, many, clients), query),
		ratio("create, 64 clients, against net/http alone", 0.42, report.Rate, made, at(onBare, create, crowd)),
		ratio("create, 64 clients, against fdatasync of 4 KiB written over", 2.5, report.Rate, made, at(onDisk, overwrite, 1)),
		ratio("query against Flask, 1 thousand orders", 13, report.Rate, query, at(onFlask, few, clients)),
		ratio("query against Flask, 100 thousand orders", 110, report.Rate, at(onSQLite, middle, clients), at(onFlask, middle, clients)),
		ratio("create, durable, against Flask's in memory, 64 clients", 8, report.Rate, made, at(onFlask, create, crowd)),
		ratio("refresh, 64 clients, against create", 0.8, report.Rate, at(onSQLite, refresh, crowd), made),
		ratio("login against argon2id alone", 0.97, report.Rate, at(onSQLite, login, hashers()), at(onHash, hash, hashConcurrency())),
	}, peerTargets(r, query, made), orderTargets(r), groupTargets(r), webhookTargets(r), footprint(r, made, at(onSQLite, mix, clients)))
}

func at(contender, work string, clients int) report.Key {
	return report.Key{Contender: contender, Work: work, Clients: clients}
}

func ratioOf(r *report.Results, what string, bound float64, of report.Measure, key, base report.Key) report.Target {
	spread, known := r.Ratio(of, key, base)
	return report.Target{What: what, Bound: bound, Measured: spread, Known: known}
}

// peerTargets returns the targets against PocketBase with its own settings, whose creates are not durable.
func peerTargets(r *report.Results, query, made report.Key) []report.Target {
	listed := at(onSQLite, listOf(small), clients)
	return []report.Target{
		ratioOf(r, "query against PocketBase, 1 thousand orders", 4.5, report.Rate, query, at(onPocketBase, query.Work, query.Clients)),
		ratioOf(r, "create, durable, against PocketBase's default, which is not, 64 clients", 5, report.Rate, made,
			at(onPocketBase, made.Work, made.Clients)),
		ratioOf(r, "list of 20 against PocketBase, 1 thousand orders", 4, report.Rate, listed, at(onPocketBase, listed.Work, listed.Clients)),
	}
}

// orderTargets returns the targets for lists, and for what events, lists and keys may cost a create.
func orderTargets(r *report.Results) []report.Target {
	few, many := at(onSQLite, listOf(small), clients), at(onSQLite, listOf(large), clients)
	made, keys := at(onSQLite, byMany, crowds[2]), at(onSQLite, keyed, crowds[2])
	madePostgres, keysPostgres := at(onPostgres, byMany, crowds[2]), at(onPostgres, keyed, crowds[2])
	before, postgres := at(beforeSQLite, byMany, crowds[2]), at(beforePostgres, byMany, crowds[2])
	ratio := func(what string, bound float64, key, base report.Key) report.Target {
		return ratioOf(r, what, bound, report.Rate, key, base)
	}
	return []report.Target{
		ratio("list of 20, 1 thousand orders, against net/http alone", 0.4, few, at(onBare, listOf(small), clients)),
		ratio("list of 20 at 10 million orders against 1 thousand", 0.6, many, few),
		ratio("create by 100 thousand users at 10 million orders against 1 thousand", 0.5, at(onSQLite, byManyAt(large), crowds[2]), made),
		ratio("create with events and lists against the release before", 0.7, made, before),
		ratio("create with events and lists against the release before, PostgreSQL", 0.8, madePostgres, postgres),
		ratio("create with a random key each against the release before", 0.6, keys, before),
		ratio("create with a random key each against the release before, PostgreSQL", 0.7, keysPostgres, postgres),
	}
}

// groupTargets returns the targets for what PostgreSQL gains from statements that are sent together.
func groupTargets(r *report.Results) []report.Target {
	crowd := crowds[2]
	against := func(what string, bound float64, of report.Measure, work string, clients int) report.Target {
		return ratioOf(r, what+" against the release before, PostgreSQL", bound, of, at(onPostgres, work, clients), at(beforePostgres, work, clients))
	}
	cpu := against("create, 64 clients, CPU with PostgreSQL's,", 0.5, report.CPU, create, crowd)
	cpu.AtMost, cpu.Unit = true, "×"
	return []report.Target{
		against("create, 64 clients,", 2.5, report.Rate, create, crowd),
		against("create, 1 client,", 0.97, report.Rate, create, 1),
		cpu,
		against("mix, 64 clients,", 1.6, report.Rate, mix, crowd),
		against("query, 1 thousand orders, 32 clients,", 1.25, report.Rate, queryOf(small), clients),
	}
}

// webhookTargets returns the targets for how fast events are sent, and for what a webhook may cost a create.
func webhookTargets(r *report.Results) (all []report.Target) {
	const crowd = 64
	for _, engine := range []struct{ name, suffix string }{{onSQLite, ""}, {onPostgres, ", PostgreSQL"}} {
		rate := report.Target{What: "events sent to a webhook, a second" + engine.suffix, Bound: 1000}
		if row := r.Row(at(engine.name, sent, calls)); row != nil {
			rate.Known, rate.Measured = true, row.Spread(report.Rate)
		}
		of := func(what string, bound float64, work, base string) report.Target {
			return ratioOf(r, what+engine.suffix, bound, report.Rate, at(engine.name, work, crowd), at(engine.name, base, crowd))
		}
		all = append(all, rate,
			of("create with a webhook against without", 0.9, hooked, unhooked),
			of("create with 1 million events waiting for a webhook against without one", 0.95, waitingFor(million), unhookedAt(million)))
	}
	return all
}

// compared describes the ratio of the service to net/http alone, by our client and by wrk.
func compared(r *report.Results) string {
	ratio := func(work string) (report.Spread, bool) {
		return r.Ratio(report.Rate, report.Key{Contender: onSQLite, Work: work, Clients: clients},
			report.Key{Contender: onBare, Work: work, Clients: clients})
	}
	text := "wrk was not run, so there is no other client to compare with."
	for i, count := range threads {
		spread, known := ratio(byWrk(count))
		if !known {
			break
		}
		if ours, _ := ratio(queryOf(small)); i == 0 {
			text = fmt.Sprintf("With this client, queries reach %.2f of the rate of net/http alone.", ours.Median)
		}
		text += fmt.Sprintf(" With wrk -t%d they reach %.2f (%.2f–%.2f).", count, spread.Median, spread.Min, spread.Max)
	}
	return "\n" + text + "\n"
}

// footprint returns the targets for start times and memory.
func footprint(r *report.Results, loads ...report.Key) []report.Target {
	started := len(r.First) > 0
	all := []report.Target{
		{What: "start to first answer, empty folder", Bound: 100, Unit: " ms", Known: started},
		{What: "start to first answer, existing file", Bound: 100, Unit: " ms", Known: started},
		{What: "idle memory, empty folder", Bound: 25, Unit: " MB", Known: started},
		{What: "idle private memory, empty folder", Bound: 15, Unit: " MB", Known: started},
	}
	if started {
		all[0].Measured, all[1].Measured = report.StartTimes(r.First), report.StartTimes(r.Again)
		all[2].Measured, all[3].Measured = report.StartResident(r.First), report.StartPrivate(r.First)
	}
	for _, key := range loads {
		t := report.Target{What: "peak memory, " + key.Work, Bound: 80, Unit: " MB"}
		if row := r.Row(key); row != nil {
			t.Known, t.Measured = true, row.Spread(func(s report.Sample) float64 { return report.Peak(s) / 1e6 })
		}
		all = append(all, t)
	}
	for i := range all {
		all[i].AtMost = true
	}
	return all
}
