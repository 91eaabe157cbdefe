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

// tick is the unit of times in /proc/PID/stat: 1/USER_HZ, which is 10 ms on every Linux that Go supports.
const tick = 10 * time.Millisecond

// stat is the part of /proc/PID/stat that is used here; see proc_pid_stat(5).
type stat struct {
	pid, parent int
	cpu         time.Duration // including children that have ended
}

// parseStat counts fields from the last parenthesis, since the name before it may contain anything.
func parseStat(text string) (s stat, err error) {
	open, closed := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || closed < open {
		return stat{}, fmt.Errorf("malformed /proc/PID/stat: %q", text)
	}
	fields := strings.Fields(text[closed+1:])
	const parent, utime, cstime = 1, 11, 14
	if len(fields) <= cstime {
		return stat{}, fmt.Errorf("truncated /proc/PID/stat: %q", text)
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

// parseMemory returns a field of /proc/PID/status or /proc/PID/smaps_rollup in bytes, or 0 if it is missing, as for a zombie.
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

// stats returns all processes except those that end while it reads.
func stats() []stat {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // fails only for a malformed pattern
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

// tree returns the process root and all its descendants. It does not use process groups, since each process of PostgreSQL
// leads its own.
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

// CPU returns the user and system time of processes and all their descendants.
func CPU(processes ...*Process) (total time.Duration) {
	all := stats()
	for _, p := range processes {
		for _, s := range tree(all, p.command.Process.Pid) {
			total += s.cpu
		}
	}
	return total
}

// Memory is the memory of a process and its descendants in bytes.
type Memory struct {
	// Resident is the memory now, and Peak its maximum since ResetPeak. Both include mapped files, and count a shared page
	// once per process.
	Resident, Peak int64

	// Private is the part of Resident that belongs to no file: the kernel can neither share it nor take it back.
	Private int64
}

// Memory returns the memory that a process and its descendants use.
func (p *Process) Memory() (total Memory, err error) {
	for _, pid := range p.pids() {
		one, err := memoryOf(pid)
		if err != nil {
			return Memory{}, fmt.Errorf("memory of %s: %w", p.name, err)
		}
		total.Resident += one.Resident
		total.Private += one.Private
		total.Peak += one.Peak
	}
	return total, nil
}

func memoryOf(pid int) (m Memory, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, err
	}
	var errs [3]error
	m.Resident, errs[0] = parseMemory(string(status), "VmRSS")
	m.Private, errs[1] = parseMemory(string(status), "RssAnon")
	m.Peak, errs[2] = parseMemory(string(status), "VmHWM")
	return m, errors.Join(errs[:]...)
}

// ResetPeak resets the Peak of Memory to the present value.
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

// Descriptors returns the number of open file descriptors of a process, without those of its descendants.
func (p *Process) Descriptors() (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("descriptors of %s: %w", p.name, err)
	}
	return len(open), nil
}
