//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// begin registers the test user, unless the name is taken, and logs in.
func begin(t *testing.T, base string) data {
	t.Helper()
	login(t, base)
	answer := send("POST", base+"/user/login", "", testUser)
	require.True(t, answer.ok(), answer.body)
	require.NotEmpty(t, answer.Data.RefreshToken)
	return answer.Data
}

func refresh(base, token string) reply {
	return send("POST", base+"/user/refresh", "", fmt.Sprintf(`{"refresh_token":%q}`, token))
}

// refusedWithin2Seconds requires that base refuses a token within two seconds, and returns after what time it did.
func refusedWithin2Seconds(t *testing.T, base, token string) time.Duration {
	t.Helper()
	began := time.Now()
	for send("GET", base+"/order/query/1", token, "").status != 401 {
		require.Less(t, time.Since(began), 2*time.Second, "the token of an ended session is still good")
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

func TestASessionThatEndsIsOverOnEveryReplicaWithin2Seconds(t *testing.T) {
	t.Parallel()
	_, bases, _ := replicas(t, 3)
	for range rounds(3, 20) {
		session := begin(t, bases[0])
		for _, base := range bases {
			require.Equal(t, 200, send("GET", base+"/order/query/1", session.Token, "").status)
		}
		require.True(t, send("POST", bases[0]+"/user/logout", session.Token, "").ok())
		require.Equal(t, 401, send("GET", bases[0]+"/order/query/1", session.Token, "").status, "at once where it was ended")
		for _, base := range bases[1:] {
			t.Log("elsewhere after", refusedWithin2Seconds(t, base, session.Token))
		}
	}
}

func TestRefreshesOfOneTokenAtOnceOverReplicasEndInOneLine(t *testing.T) {
	t.Parallel()
	_, bases, _ := replicas(t, 3)
	token := begin(t, bases[0]).RefreshToken
	for range rounds(5, 50) {
		var mu sync.Mutex
		successors := map[string]int{}
		var group sync.WaitGroup
		for n := range 16 {
			group.Go(func() {
				answer := refresh(bases[n%3], token)
				mu.Lock()
				defer mu.Unlock()
				successors[answer.Data.RefreshToken]++
			})
		}
		group.Wait()
		require.Len(t, successors, 1)
		for token = range successors {
			require.NotEmpty(t, token)
		}
	}
}

// Orders are served by a process of their own, on a database of their own.
func TestAProcessForOrdersAloneLearnsWhichSessionsHaveEnded(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		users := start(t, t.TempDir(), "MODULES=user", "USER_DATABASE_URL="+url)
		session := begin(t, users.url(t))
		orders := start(t, t.TempDir(), "MODULES=order", "USER_DATABASE_URL="+url)
		blind := start(t, t.TempDir(), "MODULES=order")
		for _, base := range []string{orders.url(t), blind.url(t)} {
			require.True(t, create(base, session.Token, "before").ok())
		}
		require.True(t, send("POST", users.url(t)+"/user/logout", session.Token, "").ok())
		refusedWithin2Seconds(t, orders.url(t), session.Token)
		require.Equal(t, 200, send("GET", blind.url(t)+"/order/query/1", session.Token, "").status, "good until it expires")
		const warning = "USER_DATABASE_URL is not set: tokens of ended sessions are good here until they expire"
		require.Contains(t, said(t, blind.stdout), warning)
		require.NotContains(t, said(t, orders.stdout), warning)
		require.True(t, create(orders.url(t), begin(t, users.url(t)).Token, "another session").ok())
		orders.stop(t)
		users.stop(t)
	})
}

func TestAProcessForOrdersAloneStartsAfterTheAccounts(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		early := start(t, t.TempDir(), "MODULES=order", "USER_DATABASE_URL="+url)
		require.Equal(t, 1, early.exit(t))
		requireOneLine(t, said(t, early.stderr))
	})
}

// Tokens go on being judged by their exp, which is better than to refuse everybody; /readyz tells.
func TestAListOfEndedSessionsThatCannotBeReadIsSaidByReadyz(t *testing.T) {
	slow(t)
	t.Parallel()
	server := newPostgres(t)
	users := start(t, t.TempDir(), "MODULES=user", "USER_DATABASE_URL="+server.url())
	session := begin(t, users.url(t))
	orders := start(t, t.TempDir(), "MODULES=order", "USER_DATABASE_URL="+server.url()).url(t)
	require.Equal(t, 200, send("GET", orders+"/readyz", "", "").status)
	server.stop(t, syscall.SIGQUIT)
	readyWithin(t, orders, 20*time.Second, 503)
	require.True(t, create(orders, session.Token, "meanwhile").ok())
	server.start(t)
	readyWithin(t, orders, 10*time.Second, 200)
}

func TestARefreshDuringAnOutageLeavesTheTokenGood(t *testing.T) {
	t.Parallel()
	server := newPostgres(t)
	base := start(t, t.TempDir(), "DATABASE_URL="+server.url()).url(t)
	token := begin(t, base).RefreshToken
	server.stop(t, syscall.SIGQUIT)
	answer := refresh(base, token)
	require.Equal(t, 503, answer.status, answer.body)
	server.start(t)
	readyWithin(t, base, 20*time.Second, 200)
	answer = refresh(base, token)
	require.True(t, answer.ok(), answer.body)
}

// A client that has lost an answer comes back with what it has.
func TestAClientGetsInAgainAfterAKillDuringARefresh(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		dir := t.TempDir()
		p := start(t, dir, "DATABASE_URL="+url)
		session := begin(t, p.url(t))
		token := session.RefreshToken
		for range rounds(5, 40) {
			base, killed := p.url(t), make(chan struct{})
			time.AfterFunc(rand.N(100*time.Millisecond), func() {
				p.kill()
				close(killed)
			})
			for answer := refresh(base, token); answer.status != 0; answer = refresh(base, token) {
				require.True(t, answer.ok(), answer.body)
				token = answer.Data.RefreshToken
			}
			<-killed
			p = start(t, dir, "DATABASE_URL="+url)
			answer := refresh(p.url(t), token)
			require.True(t, answer.ok(), answer.body)
			token = answer.Data.RefreshToken
			require.Equal(t, 200, send("GET", p.url(t)+"/user/info", answer.Data.Token, "").status)
		}
	})
}

func TestAClientGetsInAgainAfterAKillDuringAChangeOfThePassword(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		dir := t.TempDir()
		p := start(t, dir, "DATABASE_URL="+url)
		session, current, next := begin(t, p.url(t)), "test123", "test124"
		for range rounds(4, 30) {
			base, killed := p.url(t), make(chan struct{})
			time.AfterFunc(rand.N(300*time.Millisecond), func() {
				p.kill()
				close(killed)
			})
			for {
				answer := send("POST", base+"/user/password", session.Token, fmt.Sprintf(`{"old_password":%q,"new_password":%q}`, current, next))
				if answer.status == 0 {
					break
				}
				require.True(t, answer.ok(), answer.body)
				session, current, next = answer.Data, next, current
			}
			<-killed
			p = start(t, dir, "DATABASE_URL="+url)
			in := 0
			for _, plain := range []string{current, next} {
				if answer := send("POST", p.url(t)+"/user/login", "", fmt.Sprintf(`{"username":"test","password":%q}`, plain)); answer.ok() {
					session, current, in = answer.Data, plain, in+1
				}
			}
			require.Equal(t, 1, in, "one of the two passwords is the right one")
			next = map[string]string{"test123": "test124", "test124": "test123"}[current]
		}
	})
}

// command runs a command of the program to its end, with the settings of start, and returns its status and what it has
// printed.
func command(t *testing.T, dir, input string, args []string, settings ...string) (status int, stdout, stderr string) {
	t.Helper()
	binary, err := build()
	require.NoError(t, err)
	c := exec.Command(binary, args...)
	c.Stdin = strings.NewReader(input)
	p := launch(t, dir, c, settings...)
	status = p.exit(t)
	return status, said(t, p.stdout), said(t, p.stderr)
}

func TestStaffIsMadeAndPasswordsAreSetBesideARunningService(t *testing.T) {
	databasetest.EachURL(t, func(t *testing.T, url string) {
		dir := t.TempDir()
		base := start(t, dir, "DATABASE_URL="+url).url(t)
		session := begin(t, base)
		require.Equal(t, 403, send("GET", base+"/user/list", session.Token, "").status)
		status, stdout, stderr := command(t, dir, "", []string{"grant", "TEST"}, "DATABASE_URL="+url)
		require.Equal(t, 0, status, stderr)
		require.Equal(t, "TEST is staff now.\n", stdout)
		refusedWithin2Seconds(t, base, session.Token)
		session = begin(t, base)
		require.Equal(t, 200, send("GET", base+"/user/list", session.Token, "").status)

		status, stdout, stderr = command(t, dir, "another-one\n", []string{"passwd", "test"}, "DATABASE_URL="+url)
		require.Equal(t, 0, status, stderr)
		require.Equal(t, "test has a new password, and all sessions have ended.\n", stdout)
		refusedWithin2Seconds(t, base, session.Token)
		require.Equal(t, "用户名或密码错误", send("POST", base+"/user/login", "", testUser).Msg)
		require.True(t, send("POST", base+"/user/login", "", `{"username":"test","password":"another-one"}`).ok())

		for _, test := range []struct {
			input  string
			args   []string
			status int
			want   string
		}{
			{"", []string{"grant", "nobody"}, 1, "userorder: grant nobody: no account has this name\n"},
			{"test123\n", []string{"passwd", "nobody"}, 1, "userorder: passwd nobody: no account has this name\n"},
			{"short\n", []string{"passwd", "test"}, 1, "userorder: passwd test: the password must be 6 to 128 characters long\n"},
			{"", []string{"passwd", "test"}, 1, "userorder: passwd test: no password on standard input: EOF\n"},
			{"", []string{"grant", "--customer", "test"}, 0, "test is customer now.\n"},
		} {
			status, stdout, stderr := command(t, dir, test.input, test.args, "DATABASE_URL="+url)
			require.Equal(t, test.status, status, stderr)
			require.Equal(t, test.want, stdout+stderr)
		}
		for _, args := range [][]string{{"grant"}, {"grant", "a", "b"}, {"grant", "--owner", "a"}, {"passwd"}} {
			status, stdout, stderr := command(t, dir, "", args, "DATABASE_URL="+url)
			require.Equal(t, 2, status, stdout+stderr)
		}
	})
}

func TestACommandBesideNoDatabaseCreatesNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{{"grant", "test"}, {"passwd", "test"}} {
		status, _, stderr := command(t, dir, "test123\n", args)
		require.Equal(t, 1, status, stderr)
		require.NoDirExists(t, filepath.Join(dir, "data"))
	}
}
