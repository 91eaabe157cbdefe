// Package httpapi provides what every route shares: the envelope of responses, errors with their status, the strict
// decoding of JSON bodies, the engine with its middleware, and a server that stops gracefully. It knows no module, no
// token and no database.
//
// The way of a request: Bound accepts its connection (listener.go) and Serve reads it (serve.go). The engine (engine.go)
// starts an exchange, which carries what is known of the request (exchange.go), writes its log line and tells the
// metrics of it (requestlog.go, observe.go, trace.go), catches panics (recover.go), answers pages of other origins
// (cors.go, origin.go), finds out who the client is (forwarded.go, network.go) and limits it (limit.go, bucket.go). A
// handler reads the body with Bind (bind.go, body.go, json.go, object.go, id.go) and returns OK (envelope.go) or an error,
// which Fail answers (error.go, fail.go) in the language that the client asks for (language.go). Files that never change
// have a way of their own (file.go, negotiate.go).
package httpapi
