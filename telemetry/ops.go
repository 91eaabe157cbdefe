package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// Ops serves metrics, profiles and health probes on a listener of its own, where a flood of clients cannot keep a
// probe from being answered. It asks for no password: its address protects it.
// A nil *Ops is off.
type Ops struct {
	server  *http.Server
	address string
	ended   chan struct{}
}

// StartOps listens on address, or returns nil if it is empty. Probes serves /healthz and /readyz.
func StartOps(ctx context.Context, address string, metrics *Metrics, probes http.Handler, log *slog.Logger) (*Ops, error) {
	if address == "" {
		return nil, nil
	}
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	o := &Ops{
		// No WriteTimeout: a profile takes as long as its reader asks for.
		server: &http.Server{
			Handler: opsMux(metrics, probes, log), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		address: listener.Addr().String(),
		ended:   make(chan struct{}),
	}
	go func() {
		defer close(o.ended)
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the ops address is no longer served", "error", err)
		}
	}()
	return o, nil
}

func opsMux(metrics *Metrics, probes http.Handler, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics.Handler(log))
	mux.Handle("/healthz", probes)
	mux.Handle("/readyz", probes)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// String returns the address, or off.
func (o *Ops) String() string {
	if o == nil {
		return "off"
	}
	return o.address
}

// Close drops open connections: a running profile must not delay shutdown.
func (o *Ops) Close() error {
	if o == nil {
		return nil
	}
	err := o.server.Close()
	<-o.ended
	return err
}
