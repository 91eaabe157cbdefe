package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"userorder/bench/contender"
	"userorder/bench/process"
	"userorder/bench/report"
	"userorder/bench/work"
)

// threads are the numbers of threads of wrk: what the built-in clients use on a small machine, and one more.
var threads = []int{1, 2}

func byWrk(threads int) string { return fmt.Sprintf("query, sent by wrk -t%d", threads) }

// wrk measures queries for one order with wrk, if it is installed. The difference shows whether the built-in client favours
// slow servers. wrk checks only the status of a response.
func (w *world) wrk() (all []measurement) {
	path, err := exec.LookPath("wrk")
	if err != nil || w.options.quick { // wrk cannot run for less than a second
		return nil
	}
	for _, count := range threads {
		for _, c := range []struct {
			name   string
			server *contender.Server
		}{{onBare, w.bare}, {onSQLite, w.sqlite.queried[small.id]}} {
			all = append(all, measurement{
				Key: report.Key{Contender: c.name, Work: byWrk(count), Clients: clients}, during: w.options.during,
				count: func(ctx context.Context, during time.Duration) (report.Sample, error) {
					return w.runWrk(ctx, path, count, c.server, during)
				},
			})
		}
	}
	return all
}

func (w *world) runWrk(
	ctx context.Context, path string, threads int, server *contender.Server, during time.Duration,
) (report.Sample, error) {
	const order = work.Third
	seconds := int(max(1, during.Seconds()))
	before := process.CPU(server.Processes()...)
	out, err := exec.CommandContext(ctx, path, fmt.Sprintf("-t%d", threads), fmt.Sprintf("-c%d", clients), //nolint:gosec // ours
		fmt.Sprintf("-d%ds", seconds), "-H", "Authorization: Bearer "+w.tokens.Of(work.Owner(order)),
		fmt.Sprintf("http://%s/order/query/%d", server.Address, order)).Output()
	if err != nil {
		return report.Sample{}, fmt.Errorf("wrk: %w", err)
	}
	sample, err := parseWrk(out)
	if err != nil {
		return report.Sample{}, err
	}
	sample.CPU = (process.CPU(server.Processes()...) - before) / time.Duration(sample.Requests)
	return sample, nil
}

var (
	wrkCount = regexp.MustCompile(`(\d+) requests in`)
	wrkRate  = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkFault = regexp.MustCompile(`Non-2xx|Socket errors`)
)

func parseWrk(out []byte) (sample report.Sample, err error) {
	count, rate := wrkCount.FindSubmatch(out), wrkRate.FindSubmatch(out)
	if count == nil || rate == nil || wrkFault.Match(out) {
		return report.Sample{}, fmt.Errorf("wrk: %s", out)
	}
	if sample.Requests, err = strconv.Atoi(string(count[1])); err != nil || sample.Requests == 0 {
		return report.Sample{}, fmt.Errorf("wrk: %s", out)
	}
	sample.Rate, err = strconv.ParseFloat(string(rate[1]), 64)
	return sample, err
}
