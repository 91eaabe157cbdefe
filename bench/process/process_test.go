package process

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	const rest = " S 17 4242 4242 0 -1 4194560 1 2 3 4 100 50 7 3 20 0 9 0 100 1 1"
	for _, name := range []string{"(userorder)", "(a b)", "(a) R 1 (b)", "()"} {
		s, err := parseStat("4242 " + name + rest)
		require.NoError(t, err, name)
		require.Equal(t, stat{pid: 4242, parent: 17, cpu: 1600 * time.Millisecond}, s, name)
	}
	for _, text := range []string{"", "1 userorder S 1", "1 (x) S 1 2 3", "x (x)" + rest, "1 )x(" + rest, "1 (x) S 17 1 1 0 0 0 1 2 3 4 a 5 6 7"} {
		_, err := parseStat(text)
		require.Error(t, err, text)
	}
}

func TestParseMemory(t *testing.T) {
	const status = "Name:\tVmRSS:\nVmPeak:\t  999 kB\nVmHWM:\t   35028 kB\nVmRSS:\t   34012 kB\n"
	for name, want := range map[string]int64{"VmHWM": 35028 << 10, "VmRSS": 34012 << 10, "VmSwap": 0} {
		got, err := parseMemory(status, name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	_, err := parseMemory("VmRSS:\tmuch kB\n", "VmRSS")
	require.Error(t, err)
}

func TestTreeContainsAllDescendants(t *testing.T) {
	all := []stat{{pid: 30, parent: 20}, {pid: 1}, {pid: 10, parent: 1}, {pid: 20, parent: 10}, {pid: 11, parent: 1}, {pid: 21, parent: 11}}
	require.Equal(t, []stat{{pid: 10, parent: 1}, {pid: 20, parent: 10}, {pid: 30, parent: 20}}, tree(all, 10))
	require.Empty(t, tree(all, 99))
}

func TestCPUAndMemoryIncludeChildren(t *testing.T) {
	group := &Group{}
	t.Cleanup(group.Stop)
	p, err := group.Start(t.Context(), Command{
		Name: "a shell", Path: "/bin/sh", Args: []string{"-c", "(while :; do :; done) & wait"}, Env: []string{"PATH=" + os.Getenv("PATH")},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return CPU(p) >= 5*tick }, 20*time.Second, tick)
	require.NoError(t, p.ResetPeak())
	memory, err := p.Memory()
	require.NoError(t, err)
	require.Positive(t, memory.Private)
	require.Greater(t, memory.Resident, memory.Private, "the program is a file")
	require.GreaterOrEqual(t, memory.Peak, memory.Resident)
	require.NoError(t, p.Err())
	children := descendants(p.command.Process.Pid)
	require.Len(t, children, 1)
	child, err := os.FindProcess(children[0])
	require.NoError(t, err)
	require.NoError(t, child.Kill()) // a shell does not forward signals to its children
	require.NoError(t, p.Stop())
	require.NoError(t, p.Stop())
}

func TestWaitFailsWhenTheProcessEnds(t *testing.T) {
	group := &Group{}
	p, err := group.Start(t.Context(), Command{Name: "a shell", Path: "/bin/sh", Args: []string{"-c", "echo no luck >&2; exit 3"}})
	require.NoError(t, err)
	never := func(context.Context) error { return os.ErrNotExist }
	err = p.Wait(t.Context(), time.Minute, time.Millisecond, never)
	require.EqualError(t, err, "a shell has ended (exit status 3): no luck")
	group.Stop()
}

func TestPortsAreBelowTheEphemeralOnes(t *testing.T) {
	ports, seen := &Ports{}, map[int]bool{}
	for range 50 {
		port, err := ports.Free(t.Context())
		require.NoError(t, err)
		require.False(t, seen[port])
		require.Less(t, port, 32768)
		seen[port] = true
	}
}
