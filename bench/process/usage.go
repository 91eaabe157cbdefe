package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 on all systems that Go runs on.
const tick = 10 * time.Millisecond

// stat is what matters of /proc/PID/stat (proc_pid_stat(5)).
type stat struct {
	pid, parent int
	cpu         time.Duration // of the process and of its children that have ended
}

// parseStat counts fields from the last parenthesis: the name before it may hold anything.
func parseStat(text string) (s stat, err error) {
	open, closed := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || closed < open {
		return stat{}, fmt.Errorf("not a stat of /proc: %q", text)
	}
	fields := strings.Fields(text[closed+1:])
	const parent, utime, cstime = 1, 11, 14
	if len(fields) <= cstime {
		return stat{}, fmt.Errorf("too short for a stat of /proc: %q", text)
	}
	var errs [2]error
	s.pid, errs[0] = strconv.Atoi(strings.TrimSpace(text[:open]))
	s.parent, errs[1] = strconv.Atoi(fields[parent])
	err = errors.Join(errs[:]...)
	for _, field := range fields[utime : cstime+1] {
		ticks, fault := strconv.ParseInt(field, 10, 64)
		s.cpu += time.Duration(ticks) * tick
		err = errors.Join(err, fault)
	}
	return s, err
}

// parseMemory returns a line like VmRSS of /proc/PID/status in bytes, and 0 if there is none, as with a process that has
// ended and was not yet waited for.
func parseMemory(status, name string) (int64, error) {
	for line := range strings.Lines(status) {
		rest, found := strings.CutPrefix(line, name+":")
		if !found {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		return kilobytes << 10, err
	}
	return 0, nil
}

// stats returns all processes there are. One may end while they are read; it is then left out.
func stats() []stat {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // fails for a bad pattern alone
	all := make([]stat, 0, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if s, err := parseStat(string(text)); err == nil {
			all = append(all, s)
		}
	}
	return all
}

// tree returns the process root with all that descend from it. Process groups would not do: each process of PostgreSQL
// leads one of its own.
func tree(all []stat, root int) (found []stat) {
	children := map[int][]stat{}
	for _, s := range all {
		if s.pid == root {
			found = append(found, s)
		}
		children[s.parent] = append(children[s.parent], s)
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found
}

func descendants(root int) (pids []int) {
	for _, s := range tree(stats(), root) {
		if s.pid != root {
			pids = append(pids, s.pid)
		}
	}
	return pids
}

// CPU is the time, user's and system's, that processes and all their children have had on a core.
func CPU(processes ...*Process) (total time.Duration) {
	all := stats()
	for _, p := range processes {
		for _, s := range tree(all, p.command.Process.Pid) {
			total += s.cpu
		}
	}
	return total
}

// Memory is what is resident of a process and its children, mapped files included, in bytes: now, and at the most since
// ResetPeak. Pages that several of them share count several times.
func (p *Process) Memory() (now, peak int64, err error) {
	for _, pid := range p.pids() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, 0, fmt.Errorf("memory of %s: %w", p.name, err)
		}
		resident, err := parseMemory(string(text), "VmRSS")
		if err != nil {
			return 0, 0, fmt.Errorf("memory of %s: %w", p.name, err)
		}
		most, err := parseMemory(string(text), "VmHWM")
		if err != nil {
			return 0, 0, fmt.Errorf("memory of %s: %w", p.name, err)
		}
		now, peak = now+resident, peak+most
	}
	return now, peak, nil
}

// ResetPeak lets the peak of Memory begin anew.
func (p *Process) ResetPeak() error {
	for _, pid := range p.pids() {
		const peak = "5" // proc_pid_clear_refs(5)
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte(peak), 0); err != nil {
			return fmt.Errorf("reset the peak of %s: %w", p.name, err)
		}
	}
	return nil
}

func (p *Process) pids() []int {
	return append(descendants(p.command.Process.Pid), p.command.Process.Pid)
}
