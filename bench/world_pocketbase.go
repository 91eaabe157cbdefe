package main

import (
	"context"
	"path/filepath"
	"slices"

	"userorder/bench/contender"
	"userorder/bench/work"
)

// peer is PocketBase with its own settings, or with durable commits.
type peer struct {
	name   string
	server *contender.Server
}

// wantsPocketBase reports whether PocketBase is to be measured.
func (o options) wantsPocketBase() bool {
	return slices.ContainsFunc([]string{onPocketBase, onDurablePocketBase}, func(name string) bool {
		return o.wants(name, queryOf(small), clients) || o.wants(name, listOf(small), clients) || o.wants(name, login, hashers()) ||
			slices.ContainsFunc(crowds, func(crowd int) bool { return o.wants(name, create, crowd) })
	})
}

// startPocketBase builds PocketBase and starts it twice, on data folders of their own.
func (w *world) startPocketBase(ctx context.Context) error {
	if !w.options.wantsPocketBase() {
		return nil
	}
	folder, err := filepath.Abs("pocketbase")
	if err != nil {
		return err
	}
	built, err := w.stage.NewPocketBase(ctx, folder)
	if err != nil {
		return err
	}
	w.machine.PocketBase = built.Version
	w.pocketBase = &work.PocketBase{Tokens: built.Tokens, Orders: small.orders}
	for _, p := range []struct {
		name, folder string
		settings     []string
	}{
		{onPocketBase, "pocketbase-normal", nil},
		{onDurablePocketBase, "pocketbase-full", []string{"SYNCHRONOUS=FULL"}},
	} {
		server, err := w.stage.StartPocketBase(ctx, built, p.folder, p.settings...)
		if err != nil {
			return err
		}
		w.peers = append(w.peers, peer{p.name, server})
	}
	return nil
}
