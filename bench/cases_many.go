package main

import "userorder/bench/work"

// Names of work by 100 thousand users in the report.
const (
	byMany = "create by 100 thousand users"
	keyed  = byMany + ", a random key each"
)

// Names of the work of staff in the report.
const (
	moved    = "an order from created to completed"
	recorded = "history"
	fed      = "feed of 20"
)

func listOf(s size) string { return "list of 20, " + s.name + " orders" }

func byManyAt(s size) string {
	if s == small {
		return byMany
	}
	return byMany + ", " + s.name + " orders"
}

// lists lists the lists in small and large databases.
func (w *world) lists() (all []measurement) {
	all = append(all, w.on(onBare, listOf(small), clients, always(w.bare), work.List(w.bearers, small.orders, true)))
	for _, s := range w.options.growth {
		for _, e := range w.engines() {
			all = append(all, w.on(e.name, listOf(s), clients, always(e.queried[s.id]), work.List(w.bearers, s.orders, false)))
		}
		if s == small {
			all = append(all, w.onPeers(listOf(s), clients, w.pocketBase.List)...)
		}
	}
	return all
}

// many lists the creates by 100 thousand users: of the release before, of this one, with idempotency keys, and in larger
// databases.
func (w *world) many() (all []measurement) {
	for _, e := range w.engines() {
		script := work.CreateByMany(w.bearers, false)
		if w.before != nil {
			all = append(all, w.on(e.nameBefore, byMany, crowds[2], always(e.before), script))
		}
		all = append(all,
			w.on(e.name, byMany, crowds[2], always(e.many), script),
			w.on(e.name, keyed, crowds[2], always(e.many), work.CreateByMany(w.bearers, true)))
		for _, s := range w.options.growth[1:] {
			all = append(all, w.on(e.name, byManyAt(s), crowds[2], always(e.queried[s.id]), script))
		}
	}
	return all
}

// shop lists what staff does with orders: it moves them on, and reads their histories and the feed.
func (w *world) shop() (all []measurement) {
	for _, e := range w.engines() {
		all = append(all,
			w.on(e.name, moved, clients, always(e.many), work.Move(w.staff)),
			w.on(e.name, recorded, clients, always(e.queried[small.id]), work.History(w.staff, small.orders)),
			w.on(e.name, fed, clients, always(e.queried[small.id]), work.Feed(w.staff, small.orders)))
	}
	return all
}
