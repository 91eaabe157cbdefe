package main

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"userorder/bench/contender"
	"userorder/bench/load"
	"userorder/bench/report"
	"userorder/bench/work"
)

// Names of contenders in the report.
const (
	onSQLite   = "userorder, SQLite"
	onPostgres = "userorder, PostgreSQL"
	onFlask    = "Flask"
	onBare     = "net/http alone"
	onGin      = "gin + golang-jwt"
	onDisk     = "the disk"
	onHash     = "argon2id alone"

	onPocketBase        = "PocketBase"
	onDurablePocketBase = "PocketBase, synchronous=FULL"

	beforeSQLite   = "the release before, SQLite"
	beforePostgres = "the release before, PostgreSQL"
)

// Names of work in the report.
const (
	info        = "info"
	create      = "create"
	cancel      = "cancel"
	login       = "login"
	refresh     = "refresh"
	register    = "register"
	mix         = "mix"
	logged      = "query, with the request log on"
	sessionless = "query, tokens without a session"
	overwrite   = "fdatasync, 4 KiB written over"
	extend      = "fdatasync, 4 KiB appended"
	hash        = "hash"
)

func queryOf(s size) string { return "query, " + s.name + " orders" }

// clients is the default number of concurrent clients.
const clients = 32

// crowds are the numbers of clients that create orders concurrently.
var crowds = []int{1, 32, 64, 256}

// hashers returns the number of clients that need a hash: one more than the service hashes at once, so that one always
// waits and none is refused.
func hashers() int { return hashConcurrency() + 1 }

// hashConcurrency returns the default of the service's HASH_CONCURRENCY.
func hashConcurrency() int { return max(1, runtime.NumCPU()-1) }

// measurement is one row of the report. It is measured once a round.
type measurement struct {
	report.Key
	during time.Duration

	before, after func(context.Context) error // may be nil; after is not called if the measurement fails

	server func() *contender.Server // nil: count measures instead
	script func(client int) load.Script
	count  func(context.Context, time.Duration) (report.Sample, error)
}

// measurements lists all measurements in order. Those that are compared are adjacent.
func (w *world) measurements() []measurement {
	var all []measurement
	all = append(all, w.infos()...)
	all = append(all, w.queries()...)
	all = append(all, w.lists()...)
	all = append(all, w.creates()...)
	all = append(all, w.refreshes()...)
	all = append(all, w.many()...)
	all = append(all, w.shop()...)
	all = append(all, w.webhooks()...)
	all = append(all, w.disk(overwrite), w.disk(extend))
	all = append(all, w.mixes()...)
	all = append(all, w.passwords()...) // last: memory used for hashing is released slowly
	return slices.DeleteFunc(all, func(m measurement) bool { return !w.options.only.MatchString(m.String()) })
}

// engines returns the service on each database that is installed.
func (w *world) engines() []*engine {
	if w.postgres == nil {
		return []*engine{w.sqlite}
	}
	return []*engine{w.sqlite, w.postgres}
}

func (w *world) on(contender, work string, clients int, server func() *contender.Server, script func(int) load.Script) measurement {
	return measurement{
		Key: report.Key{Contender: contender, Work: work, Clients: clients}, during: w.options.during, server: server, script: script,
	}
}

// onPeers lists a measurement of PocketBase with each of its settings.
func (w *world) onPeers(work string, clients int, script func(int) load.Script) (all []measurement) {
	for _, p := range w.peers {
		all = append(all, w.on(p.name, work, clients, always(p.server), script))
	}
	return all
}

// onPostgresBefore returns a row of the release before on PostgreSQL, or none. It knows no sessions.
func (w *world) onPostgresBefore(work string, clients int, script func(int) load.Script) []measurement {
	if w.before == nil || w.postgres == nil {
		return nil
	}
	return []measurement{w.on(beforePostgres, work, clients, always(w.postgres.before), script)}
}

func always(s *contender.Server) func() *contender.Server {
	return func() *contender.Server { return s }
}

func (w *world) infos() (all []measurement) {
	all = append(all, w.on(onBare, info, clients, always(w.bare), work.Info(w.tokens)))
	for _, e := range w.engines() {
		all = append(all, w.on(e.name, info, clients, always(e.queried[small.id]), work.Info(w.tokens)))
	}
	if f := w.flask; f != nil {
		all = append(all, w.on(onFlask, info, clients, f.writes, func(client int) load.Script {
			return work.Info(f.tokens)(client) // read late: the tokens change every round
		}))
	}
	return all
}

func (w *world) queries() (all []measurement) {
	constant := work.Query(w.tokens, small.orders, true)
	all = append(all, w.on(onBare, queryOf(small), clients, always(w.bare), constant))
	all = append(all, w.on(onGin, queryOf(small), clients, always(w.gin), constant))
	for _, s := range w.options.sizes {
		script := work.Query(w.tokens, s.orders, false)
		for _, e := range w.engines() {
			all = append(all, w.on(e.name, queryOf(s), clients, always(e.queried[s.id]), script))
			if s.id == small.id {
				all = append(all, w.on(e.name, sessionless, clients, always(e.queried[s.id]), work.Query(w.sessionless, s.orders, false)))
			}
		}
		if w.flask != nil && s.flask {
			all = append(all, w.on(onFlask, queryOf(s), clients, always(w.flask.queried[s.id]), script))
		}
		if s.id == small.id {
			all = append(all, w.onPostgresBefore(queryOf(s), clients, work.Query(w.sessionless, s.orders, false))...)
			all = append(all, w.onPeers(queryOf(s), clients, w.pocketBase.Query)...)
		}
	}
	all = append(all, w.on(onSQLite, logged, clients, always(w.sqlite.logging), work.Query(w.tokens, small.orders, false)))
	return append(all, w.wrk()...)
}

// creates lists the creates and, after them, cancels of the orders created.
func (w *world) creates() (all []measurement) {
	for _, crowd := range crowds {
		all = append(all, w.on(onBare, create, crowd, always(w.bare), work.Create(w.tokens, &work.Made{})))
		if crowd == crowds[2] {
			all = append(all, w.on(onGin, create, crowd, always(w.gin), work.Create(w.tokens, &work.Made{})))
		}
		for _, e := range w.engines() {
			all = append(all, w.on(e.name, create, crowd, always(e.written), work.Create(w.tokens, &e.made)))
		}
		all = append(all, w.onPostgresBefore(create, crowd, work.Create(w.sessionless, &work.Made{}))...)
		if f := w.flask; f != nil {
			all = append(all, w.on(onFlask, create, crowd, f.writes, work.Create(w.tokens, &f.made)))
		}
		all = append(all, w.onPeers(create, crowd, w.pocketBase.Create)...)
	}
	for _, e := range w.engines() {
		all = append(all, w.on(e.name, cancel, clients, always(e.written), work.Cancel(w.tokens, &e.made)))
	}
	if f := w.flask; f != nil {
		all = append(all, w.on(onFlask, cancel, clients, f.writes, work.Cancel(w.tokens, &f.made)))
	}
	return all
}

// refreshes lists refreshes by as many clients as the creates that they are compared with.
func (w *world) refreshes() (all []measurement) {
	for _, e := range w.engines() {
		m := w.on(e.name, refresh, crowds[2], func() *contender.Server { return e.written }, work.Refresh(&e.sessions))
		m.before = func(ctx context.Context) (err error) {
			e.sessions, err = work.Begin(ctx, e.written.Address, crowds[2])
			return err
		}
		all = append(all, m)
	}
	return all
}

func (w *world) passwords() (all []measurement) {
	all = append(all, w.hashes(hashConcurrency()))
	if cores := runtime.NumCPU(); cores > hashConcurrency() {
		all = append(all, w.hashes(cores))
	}
	for _, name := range []string{login, register} {
		script := func() func(int) load.Script {
			if name == login {
				return work.Login()
			}
			return work.Register(new(atomic.Int64))
		}
		for _, e := range w.engines() {
			all = append(all, w.on(e.name, name, hashers(), always(e.written), script()))
		}
		if f := w.flask; f != nil {
			all = append(all, w.on(onFlask, name, hashers(), f.writes, script()))
		}
		if name == login {
			all = append(all, w.onPeers(login, hashers(), w.pocketBase.Login)...)
		}
	}
	for i := range all {
		all[i].during = w.options.hashing
	}
	return all
}

func (w *world) mixes() (all []measurement) {
	all = append(all, w.on(onBare, mix, clients, always(w.bare), work.Mix(w.tokens, small.orders, true)))
	for _, e := range w.engines() {
		all = append(all, w.on(e.name, mix, clients, always(e.written), work.Mix(w.tokens, small.orders, false)))
	}
	if p := w.postgres; p != nil {
		all = append(all, w.on(p.name, mix, crowds[2], always(p.written), work.Mix(w.tokens, small.orders, false)))
	}
	all = append(all, w.onPostgresBefore(mix, crowds[2], work.Mix(w.sessionless, small.orders, false))...)
	if f := w.flask; f != nil {
		m := w.on(onFlask, mix, clients, f.mixes, work.Mix(w.tokens, small.orders, false))
		m.before = func(ctx context.Context) error { return f.renew(ctx, w.stage, &f.mixed) }
		all = append(all, m)
	}
	return all
}

func scripts(count int, script func(client int) load.Script) []load.Script {
	all := make([]load.Script, count)
	for i := range all {
		all[i] = script(i)
	}
	return all
}
