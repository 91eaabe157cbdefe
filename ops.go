package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// opsServer is the listener for those who watch the service. It asks for no password: its address is what
// protects it. A nil *opsServer is one that is off.
type opsServer struct {
	server  *http.Server
	address string
	ended   chan struct{}
}

// startOps listens on address, or does nothing if there is none.
func startOps(ctx context.Context, address string, metrics *metrics, log *slog.Logger) (*opsServer, error) {
	if address == "" {
		return nil, nil
	}
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("OPS_ADDR: %w", err)
	}
	o := &opsServer{
		// No WriteTimeout: a profile takes as long as its reader asks for.
		server: &http.Server{
			Handler: opsMux(metrics.registry, log), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		address: listener.Addr().String(),
		ended:   make(chan struct{}),
	}
	go func() {
		defer close(o.ended)
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the ops address is served no more", "error", err)
		}
	}()
	return o, nil
}

func opsMux(registry *prometheus.Registry, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func (o *opsServer) String() string {
	if o == nil {
		return "off"
	}
	return o.address
}

// Close cuts off who is still reading: a profile must not hold up the end of the service.
func (o *opsServer) Close() error {
	if o == nil {
		return nil
	}
	err := o.server.Close()
	<-o.ended
	return err
}
