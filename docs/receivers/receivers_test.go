package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"userorder/webhook"

	"github.com/stretchr/testify/require"
)

const paid = `{"type":"order.paid","timestamp":"2026-01-02T03:04:05.678Z","data":{"id":"57","status":"paid","version":2}}`

var (
	secret      = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret for tests, 32 bytes long"))
	otherSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("another secret, that is long enough"))
)

// sign returns the signature of a message by Standard Webhooks 1.0.0, without the library that the receiver in Go has.
func sign(secret, id string, at int64, body string) string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", id, at, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestSignaturesAreThoseOfTheSpecification(t *testing.T) {
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, `{"test": 2432232314}`))
}

func TestTheExampleOfThePageIsSigned(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "webhooks.md"))
	require.NoError(t, err)
	secret := regexp.MustCompile("`(whsec_[^`]{32,})`").FindSubmatch(page)
	require.NotNil(t, secret)
	parts := regexp.MustCompile("webhook-id: (.+)\nwebhook-timestamp: (\\d+)\nwebhook-signature: (.+)\n\n(.+)\n```").FindSubmatch(page)
	require.NotNil(t, parts)
	at, err := strconv.ParseInt(string(parts[2]), 10, 64)
	require.NoError(t, err)
	require.Equal(t, sign(string(secret[1]), string(parts[1]), at, string(parts[4])), string(parts[3]))
}

// eachReceiver runs a test with the command of each of the receivers.
func eachReceiver(t *testing.T, test func(t *testing.T, command []string)) {
	for name, command := range map[string][]string{"Go": {"go"}, "Python": {"python3", "receiver.py"}, "Node.js": {"node", "receiver.mjs"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_ = os.Getenv("TEST_TOOLS") // a list from make, so that go test caches no result across a change of what is installed
			if _, err := exec.LookPath(command[0]); err != nil && os.Getenv("REQUIRE_TOOLS") != "1" {
				t.Skipf("needs %s: %v", name, err)
			}
			if name == "Go" {
				binary := filepath.Join(t.TempDir(), "receiver.exe")
				out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
				require.NoError(t, err, "%s", out)
				test(t, []string{binary})
				return
			}
			_, err := os.Stat(command[1]) // go test caches no result across a change of a file that a test has looked at
			require.NoError(t, err)
			test(t, command)
		})
	}
}

// receiver is a running receiver.
type receiver struct {
	url, stdout string
}

func startReceiver(t *testing.T, command []string) receiver {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	_, port, _ := strings.Cut(address, ":")

	stdout, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	require.NoError(t, err)
	process := exec.Command(command[0], command[1:]...)
	process.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret, "PORT="+port)
	process.Stdout, process.Stderr = stdout, os.Stderr
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		_ = stdout.Close()
	})
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}, 30*time.Second, 10*time.Millisecond, "the receiver does not listen")
	return receiver{url: "http://" + address + "/hooks", stdout: stdout.Name()}
}

// printed returns what the receiver has printed so far. It prints before it answers.
func (r receiver) printed(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(r.stdout)
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// message is a request as a receiver gets it. A header that is empty is left out.
type message struct {
	id, timestamp, signature, body string
}

// signed returns a message that was signed some time ago, with one signature for each secret.
func signed(id string, ago time.Duration, secrets ...string) message {
	at := time.Now().Add(-ago).Unix()
	m := message{id: id, timestamp: strconv.FormatInt(at, 10), body: paid}
	for _, secret := range secrets {
		m.signature = strings.TrimSpace(m.signature + " " + sign(secret, id, at, paid))
	}
	return m
}

// change returns a message with one thing changed.
func change(m message, change func(*message)) message {
	change(&m)
	return m
}

func (r receiver) post(t *testing.T, m message) (status int) {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, r.url, strings.NewReader(m.body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	for name, value := range map[string]string{"webhook-id": m.id, "webhook-timestamp": m.timestamp, "webhook-signature": m.signature} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestEachReceiverTakesWhatIsSignedOnceAndRefusesTheRest(t *testing.T) {
	tests := []struct {
		name     string
		messages []message // one after the other, with the same response
		status   int
		printed  string
	}{
		{"a message that is signed is taken",
			[]message{signed("evt_1", 0, secret)}, 204, "order.paid 57\n"},
		{"one that is signed with another secret as well is taken",
			[]message{signed("evt_2", 0, secret, otherSecret)}, 204, "order.paid 57\n"},
		{"the signature may be the second",
			[]message{signed("evt_3", 0, otherSecret, secret)}, 204, "order.paid 57\n"},
		{"a signature of a version that nobody knows does no harm beside it",
			[]message{change(signed("evt_4", 0, secret), func(m *message) { m.signature = "v1a,AAAA " + m.signature })}, 204, "order.paid 57\n"},
		{"an event that is sent again is taken again and handled once",
			[]message{signed("evt_5", 2*time.Minute, secret), signed("evt_5", 0, secret, otherSecret)}, 204, "order.paid 57\n"},
		{"an event that was refused at first is handled later",
			[]message{signed("evt_6", 0, secret)}, 204, "order.paid 57\n"},
		{"four minutes old is not too old", []message{signed("evt_7", 4*time.Minute, secret)}, 204, "order.paid 57\n"},

		{"six minutes old is too old", []message{signed("evt_8", 6*time.Minute, secret)}, 401, ""},
		{"six minutes ahead is refused", []message{signed("evt_8", -6*time.Minute, secret)}, 401, ""},
		{"another secret is refused", []message{signed("evt_8", 0, otherSecret)}, 401, ""},
		{"two other secrets are refused", []message{signed("evt_8", 0, otherSecret, otherSecret+"AAAA")}, 401, ""},
		{"an empty secret is refused", []message{signed("evt_8", 0, "whsec_")}, 401, ""},
		{"a changed body is refused", []message{
			change(signed("evt_8", 0, secret), func(m *message) { m.body = strings.Replace(m.body, "57", "58", 1) }),
			change(signed("evt_8", 0, secret), func(m *message) { m.body += " " }),
			change(signed("evt_8", 0, secret), func(m *message) { m.body = "" }),
		}, 401, ""},
		{"a changed id is refused", []message{change(signed("evt_8", 0, secret), func(m *message) { m.id = "evt_9" })}, 401, ""},
		{"a changed time is refused", []message{
			change(signed("evt_8", 6*time.Minute, secret), func(m *message) { m.timestamp = strconv.FormatInt(time.Now().Unix(), 10) }),
		}, 401, ""},
		{"a time that is none is refused", []message{
			change(signed("evt_8", 0, secret), func(m *message) { m.timestamp = "now" }),
			change(signed("evt_8", 0, secret), func(m *message) { m.timestamp = strings.Repeat("9", 400) }),
		}, 401, ""},
		{"each header is needed", []message{
			change(signed("evt_8", 0, secret), func(m *message) { m.id = "" }),
			change(signed("evt_8", 0, secret), func(m *message) { m.timestamp = "" }),
			change(signed("evt_8", 0, secret), func(m *message) { m.signature = "" }),
		}, 401, ""},
		{"a signature that is none is refused", []message{
			change(signed("evt_8", 0, secret), func(m *message) { m.signature = strings.TrimPrefix(m.signature, "v1,") }),
			change(signed("evt_8", 0, secret), func(m *message) { m.signature = "v2" + strings.TrimPrefix(m.signature, "v1") }),
			change(signed("evt_8", 0, secret), func(m *message) { m.signature = m.signature[:20] }),
			change(signed("evt_8", 0, secret), func(m *message) { m.signature = "v1," }),
			change(signed("evt_8", 0, secret), func(m *message) { m.signature = "v1,\xe9" + m.signature[4:] }),
		}, 401, ""},
	}
	eachReceiver(t, func(t *testing.T, command []string) {
		r := startReceiver(t, command)
		require.Equal(t, 401, r.post(t, signed("evt_6", 0, otherSecret)))
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				before := r.printed(t)
				for _, m := range test.messages {
					require.Equal(t, test.status, r.post(t, m), m)
				}
				require.Equal(t, before+test.printed, r.printed(t))
			})
		}
	})
}

func TestEachReceiverTakesWhatTheServiceSends(t *testing.T) {
	current, err := webhook.ParseSecret(secret)
	require.NoError(t, err)
	other, err := webhook.ParseSecret(otherSecret)
	require.NoError(t, err)
	eachReceiver(t, func(t *testing.T, command []string) {
		r := startReceiver(t, command)
		endpoint, err := webhook.ParseURL(r.url)
		require.NoError(t, err)
		for name, secrets := range map[string][]webhook.Secret{
			"with its secret alone":   {current},
			"before it has the new":   {other, current},
			"after it has got it":     {current, other},
			"for the second time":     {current},
			"with another one, never": {other},
		} {
			t.Run(name, func(t *testing.T) {
				client := webhook.NewClient(secrets...)
				defer client.Close()
				err := client.Send(t.Context(), endpoint, webhook.Message{ID: "evt_1", Body: []byte(paid)})
				if slices.Contains(secrets, current) {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, "status 401")
				}
			})
		}
		require.Equal(t, "order.paid 57\n", r.printed(t))
	})
}

func TestEachReceiverHandlesAnEventOnceThatComesManyTimesAtOnce(t *testing.T) {
	eachReceiver(t, func(t *testing.T, command []string) {
		r := startReceiver(t, command)
		var group sync.WaitGroup
		for range 32 {
			group.Go(func() {
				if status := r.post(t, signed("evt_1", 0, secret)); status != 204 {
					t.Errorf("the status is %d", status)
				}
			})
		}
		group.Wait()
		require.Equal(t, "order.paid 57\n", r.printed(t))
	})
}

func TestNoReceiverTakesAnythingButPosts(t *testing.T) {
	eachReceiver(t, func(t *testing.T, command []string) {
		r := startReceiver(t, command)
		response, err := http.Get(r.url)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Contains(t, []int{405, 501}, response.StatusCode)
	})
}

func TestNoReceiverStartsWithoutASecret(t *testing.T) {
	eachReceiver(t, func(t *testing.T, command []string) {
		for name, value := range map[string]string{"none": "", "an empty one": "whsec_", "a short one": "whsec_c2hvcnQ="} {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				process := exec.CommandContext(ctx, command[0], command[1:]...)
				process.Env = append(os.Environ(), "WEBHOOK_SECRET="+value, "PORT=0")
				out, err := process.CombinedOutput()
				var exit *exec.ExitError
				require.ErrorAs(t, err, &exit, "%s", out)
				require.Contains(t, string(out), "WEBHOOK_SECRET must be")
			})
		}
	})
}

func TestTheDocumentationRunsWhatIsThere(t *testing.T) {
	for file, command := range map[string]string{
		"receiver.go": "go run ./docs/receivers", "receiver.py": "python3 docs/receivers/receiver.py", "receiver.mjs": "node docs/receivers/receiver.mjs",
	} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), "WEBHOOK_SECRET=whsec_… PORT=8080 "+command)
		page, err := os.ReadFile(filepath.Join("..", "webhooks.md"))
		require.NoError(t, err)
		require.Contains(t, string(page), "(receivers/"+file+")")
	}
}
