//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/database/databasetest"
)

// replicas starts count programs at once on one empty PostgreSQL schema.
func replicas(t *testing.T, count int) (programs []*program, bases []string, url string) {
	url = databasetest.Postgres(t)
	for range count {
		programs = append(programs, start(t, t.TempDir(), "DATABASE_URL="+url, smallPool))
	}
	for _, p := range programs {
		bases = append(bases, p.url(t))
	}
	return programs, bases, url
}

func TestTenReplicasStartAtOnce(t *testing.T) {
	t.Parallel()
	_, bases, _ := replicas(t, 10)
	for _, base := range bases {
		require.Equal(t, 200, send("GET", base+"/readyz", "", "").status)
	}
}

// atOnce calls try count times concurrently and counts the responses by status and message.
func atOnce(count int, try func(n int) reply) map[string]int {
	var mu sync.Mutex
	outcomes := map[string]int{}
	var group sync.WaitGroup
	for n := range count {
		group.Go(func() {
			answer := try(n)
			for tries := 0; answer.Msg == "服务繁忙，请稍后重试" && tries < 100; tries++ { // the machine hashes slowly beside other tests
				time.Sleep(200 * time.Millisecond)
				answer = try(n)
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[fmt.Sprint(answer.status, " ", answer.Msg)]++
		})
	}
	group.Wait()
	return outcomes
}

func TestReplicasAreOneService(t *testing.T) {
	t.Parallel()
	_, bases, _ := replicas(t, 3)
	one := func(n int) string { return bases[n%len(bases)] }

	registered := atOnce(100, func(n int) reply { return send("POST", one(n)+"/user/register", "", testUser) })
	require.Equal(t, map[string]int{"200 注册成功": 1, "200 用户名已存在": 99}, registered)

	token := login(t, bases[0])
	for _, base := range bases {
		require.True(t, send("GET", base+"/user/info", token, "").ok(), "a replica rejects the token of another")
	}

	order := create(bases[1], token, "to be cancelled").Data.ID
	cancelled := atOnce(100, func(n int) reply { return send("DELETE", one(n)+"/order/cancel/"+order, token, "") })
	require.Equal(t, map[string]int{"200 取消成功": 1, "200 订单不存在": 99}, cancelled)

	ids := map[string]bool{}
	var mu sync.Mutex
	created := atOnce(100, func(n int) reply {
		answer := create(one(n), token, "one of many")
		mu.Lock()
		defer mu.Unlock()
		ids[answer.Data.ID] = true
		return answer
	})
	require.Equal(t, map[string]int{"200 创建成功": 100}, created)
	require.Len(t, ids, 100)
}

func TestWrongPasswordsCountAcrossReplicas(t *testing.T) {
	t.Parallel()
	url := databasetest.Postgres(t)
	var bases []string
	for range 3 {
		bases = append(bases, start(t, t.TempDir(), "DATABASE_URL="+url, "RATE_LIMIT=on").url(t))
	}
	login(t, bases[0])
	for n := range 5 {
		answer := send("POST", bases[n%3]+"/user/login", "", `{"username":"test","password":"wrong-one"}`)
		require.Equal(t, "用户名或密码错误", answer.Msg)
	}
	for _, base := range bases {
		require.Equal(t, 429, send("POST", base+"/user/login", "", `{"username":"test","password":"wrong-one"}`).status)
	}
	for _, base := range bases { // from where the owner has logged in
		require.True(t, send("POST", base+"/user/login", "", testUser).ok())
	}
}

func TestAReplicaKilledUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	programs, bases, url := replicas(t, 3)
	l := newLedger(login(t, bases[0]))
	for range rounds(3, 20) {
		over := make(chan struct{})
		var waits []func()
		for _, base := range bases {
			waits = append(waits, l.writeOn(t, base, 3, over))
		}
		time.Sleep(200*time.Millisecond + rand.N(200*time.Millisecond))
		victim := rand.N(len(programs))
		programs[victim].kill()
		before := l.count()
		time.Sleep(100 * time.Millisecond)
		require.Greater(t, l.count(), before, "the other replicas stopped writing")
		close(over)
		for _, wait := range waits {
			wait()
		}
		l.checkFresh(t, bases[(victim+1)%len(bases)])
		programs[victim] = start(t, t.TempDir(), "DATABASE_URL="+url, smallPool)
		bases[victim] = programs[victim].url(t)
	}
	l.checkAll(t, bases[0])
}
