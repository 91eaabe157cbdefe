// Userorder serves accounts and orders over HTTP. This file is the composition: the parts, how they are
// connected, and the order in which they start and stop. Settings come from the environment; README.md lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"userorder/auth"
	"userorder/console"
	"userorder/database"
	"userorder/httpapi"
	"userorder/mail"
	"userorder/openapi"
	"userorder/order"
	"userorder/settings"
	"userorder/telemetry"
	"userorder/user"
	"userorder/webhook"
	"userorder/worker"
)

func main() {
	if os.Getenv("GOGC") == "" { // twice Go's default: a tenth less CPU a request for some MB (docs/performance.md)
		debug.SetGCPercent(200)
	}
	signal.Ignore(syscall.SIGPIPE) // a reader of the log that goes away must not end the service
	stops := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // else nohup has started it
		stops = append(stops, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), stops...)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout)
	status, isStatus := errors.AsType[exitStatus](err)
	switch {
	case err == nil:
		return
	case isStatus:
		os.Exit(int(status))
	case errors.Is(err, settings.ErrInvalid), errors.Is(err, errUsage), errors.Is(err, errOptions):
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	_, _ = fmt.Fprintln(os.Stderr, "userorder:", strings.Join(strings.Fields(err.Error()), " "))
	os.Exit(1)
}

// serve answers requests until ctx ends. It then stops in this order: /readyz says no, requests drain, jobs stop,
// the last traces are sent, metrics go, mails stop, databases close, the log is flushed.
func serve(ctx context.Context, cfg Config, stdout io.Writer) (err error) {
	began, served := time.Now(), &atomic.Int64{}
	queue := telemetry.NewQueue(stdout, cfg.LogJSON)
	defer queue.Close()
	log := telemetry.NewLogger(telemetry.LogConfig{
		Level: cfg.LogLevel, JSON: cfg.LogJSON, Terminal: telemetry.IsTerminal(stdout), NoColor: cfg.NoColor,
	}, queue)
	service, err := newService(ctx, cfg, log)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // stopped while starting
	case err != nil:
		return err
	}
	defer func() {
		if err = errors.Join(err, service.Close()); err == nil {
			log.Info("stopped", "requests", served.Load(), "uptime", time.Since(began).Round(time.Second))
		}
	}()
	service.metrics.WatchLog(queue.Lost)
	ops, err := telemetry.StartOps(ctx, cfg.OpsAddress, service.metrics, service.engine, log)
	if err != nil {
		return explainListen(err, cfg.OpsAddress, "the host of OPS_ADDR", "OPS_ADDR")
	}
	defer func() { err = errors.Join(err, ops.Close()) }()
	tracing, err := startTracing(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer tracing.Close()
	listeners, err := listen(ctx, cfg.Listen)
	if err != nil {
		return err
	}
	logStart(log, cfg, service, ops, tracing)
	logListening(log, cfg, listeners)
	observe := func(ran worker.Ran) { service.metrics.JobRan(ran.Job, ran.Took, ran.Err) }
	stopJobs := worker.Start(log, observe, service.jobs)
	defer stopJobs()
	fronts, err := service.fronts(cfg, listeners, counted(service.metrics.Around(tracing.Around(service.engine)), served))
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // the start leaves ten times as much behind as the service needs
	withdraw := announce(ctx, cfg.Listen.Manager, log)
	defer withdraw()
	return serveAll(ctx, fronts, cfg, log)
}

// counted returns handler with a count of the requests that it has served.
func counted(handler http.Handler, served *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer served.Add(1)
		handler.ServeHTTP(w, r)
	})
}

// service is the program without its listeners.
type service struct {
	databases
	accounts     accounts
	mails        *mail.Queue     // nil if there is no mail server
	webhooks     *webhook.Client // nil if there are no webhooks
	http         httpapi.Config
	engine       *gin.Engine
	jobs         []worker.Job
	certificates certificates       // nil without TLS
	metrics      *telemetry.Metrics // nil if they are off
	secretSource string
}

// newService opens the databases and mounts the modules. The service is unready once ctx ends.
func newService(ctx context.Context, cfg Config, log *slog.Logger) (_ *service, err error) {
	s := &service{}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if cfg.OpsAddress != "" {
		s.metrics = telemetry.NewMetrics(telemetry.ReadBuild())
	}
	s.http = httpapi.Config{
		Log: log, Translate: translate, Ready: func(request context.Context) error {
			return errors.Join(ctx.Err(), s.Ping(request), s.accounts.ended.Check())
		},
		TrustedProxies: cfg.TrustedProxies, Origins: cfg.Origins, Limit: cfg.Limits.Requests, Observe: s.metrics.Observer(),
	}
	if s.engine, err = httpapi.NewEngine(s.http); err != nil {
		return nil, err
	}
	cfg.Database.Log = log
	if s.databases, err = openDatabases(ctx, cfg, s.metrics); err != nil {
		return nil, err
	}
	if s.accounts, err = openAccounts(ctx, cfg, s.databases); err != nil {
		return nil, err
	}
	s.jobs = append(s.accounts.jobs(), backupJobs(ctx, cfg, s.databases, s.metrics, log)...)
	if s.certificates, err = openCertificates(cfg.Listen.TLS, log); err != nil {
		return nil, err
	}
	s.jobs = append(s.jobs, certificateJobs(s.certificates)...)
	s.jobs = append(s.jobs, watchdogJobs(cfg.Listen.Manager, s.engine)...)
	s.metrics.WatchSessions(s.accounts.ended.Len)
	tokens, secretSource, err := newTokens(cfg, s.accounts, log)
	if err != nil {
		return nil, err
	}
	s.secretSource = secretSource
	if cfg.serves("user") {
		users, err := user.New(ctx, user.Config{
			DB: s.databases["user"], Tokens: tokens, Ended: s.accounts.ended, SessionTTL: cfg.SessionTTL,
			HashConcurrency: cfg.HashConcurrency, Registrations: cfg.Limits.Registrations, Logins: cfg.Limits.Logins,
			Throttle: cfg.Limits.Failures, Mail: s.startMail(cfg.Mail, log), ResetURL: cfg.Mail.ResetURL,
		})
		if err != nil {
			return nil, err
		}
		users.Mount(s.engine.Group("/user"))
		s.jobs = append(s.jobs, users.Jobs()...)
		s.metrics.WatchHashing(users.Hashing)
	}
	if cfg.serves("order") {
		orders, err := order.New(ctx, order.Config{
			DB: s.databases["order"], Tokens: tokens, Expiry: cfg.OrderExpiry, StaffOnly: cfg.StaffOrders,
			Webhooks: s.newWebhooks(cfg.Webhooks, log),
		})
		if err != nil {
			return nil, err
		}
		orders.Mount(s.engine.Group("/order"))
		s.jobs = append(s.jobs, orders.Jobs()...)
		s.watchWebhooks(orders)
	}
	if cfg.Console {
		if err := console.Mount(s.engine); err != nil {
			return nil, err
		}
	}
	return s, openapi.Mount(s.engine, telemetry.ReadBuild().Version)
}

// Close sends no more mails or webhooks and closes the databases.
func (s *service) Close() error {
	s.mails.Close()
	s.webhooks.Close()
	return errors.Join(s.accounts.Close(), s.databases.Close())
}

// translate returns what a client is told of a failure of the database, or nil.
func translate(err error) *httpapi.Error {
	switch {
	case errors.Is(err, database.ErrOutcomeUnknown):
		return httpapi.ErrOutcomeUnknown
	case errors.Is(err, database.ErrUnavailable):
		return httpapi.ErrUnavailable
	}
	return nil
}

// newTokens returns the issuer of tokens and the source of its secret.
func newTokens(cfg Config, known accounts, log *slog.Logger) (tokens *auth.Tokens, source string, err error) {
	secret, err := auth.LoadSecret(cfg.Secret, cfg.SecretPath)
	if err != nil {
		return nil, "", err
	}
	if secret.Exposed != 0 {
		log.Warn("the folder of the secret can be read by others: chmod 700 closes it",
			"path", filepath.Dir(cfg.SecretPath), "mode", secret.Exposed.String())
	}
	if secret.ExposedFile != 0 {
		log.Warn("the file of the secret can be read by others: chmod 600 closes it, and a new secret is due if somebody has read it",
			"path", cfg.SecretPath, "mode", secret.ExposedFile.String())
	}
	tokens, err = auth.NewTokens(auth.Config{
		Secret: secret.Value, Previous: cfg.PreviousSecret, TTL: cfg.TokenTTL, Ended: known.ended,
	})
	return tokens, secret.Source, err
}

// startTracing returns nil if traces are off.
func startTracing(ctx context.Context, cfg Config, log *slog.Logger) (*telemetry.Tracing, error) {
	if !cfg.Traces {
		return nil, nil
	}
	return telemetry.StartTracing(ctx, telemetry.ReadBuild().Version, log)
}
