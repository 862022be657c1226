package cli_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"videoqa/internal/cli"
)

// terminal opens a pseudo-terminal of 100 columns. What is written to it comes out of
// screen once it is closed.
func terminal(t *testing.T) (tty *os.File, screen func() []string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100})
	}
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	written := make(chan string)
	go func() {
		var all strings.Builder
		for buf := make([]byte, 4096); ; {
			n, err := master.Read(buf)
			all.Write(buf[:n])
			if err != nil { // the other end is closed
				written <- all.String()
				return
			}
		}
	}()
	return tty, func() []string {
		tty.Close()
		defer master.Close()
		return shown(<-written)
	}
}

// shown is what a terminal that never scrolls shows of s: it knows carriage returns,
// cursor up and erase to the end, which is all that a progress bar needs.
func shown(s string) []string {
	lines, row, column := [][]rune{nil}, 0, 0
	for s != "" {
		var n int
		var letter rune
		if _, err := fmt.Sscanf(s, "\x1b[%d%c", &n, &letter); err == nil || strings.HasPrefix(s, "\x1b[J") {
			_, s, _ = strings.Cut(s, map[bool]string{true: string(letter), false: "J"}[err == nil])
			if err != nil || letter == 'J' {
				lines = append(lines[:row:row], lines[row][:min(column, len(lines[row]))])
			} else if letter == 'A' {
				row = max(0, row-n)
			}
			continue
		}
		r := []rune(s[:min(4, len(s))])[0]
		s = s[len(string(r)):]
		switch r {
		case '\r':
			column = 0
		case '\n':
			if row++; row == len(lines) {
				lines = append(lines, nil)
			}
		default:
			for len(lines[row]) <= column {
				lines[row] = append(lines[row], ' ')
			}
			lines[row][column] = r
			column++
		}
	}
	text := make([]string, len(lines))
	for i, line := range lines {
		text[i] = strings.TrimRight(string(line), " ")
	}
	return text
}

func TestProgressLeavesAnswersOnTheScreen(t *testing.T) {
	tty, screen := terminal(t)
	environ := []string{"VIDEOQA_ONNXRUNTIME=" + os.Getenv("VIDEOQA_ONNXRUNTIME"), "XDG_CACHE_HOME=" + t.TempDir(), "TERM=xterm"}
	status := cli.Main("v0-test", []string{"ask", "--every", "20ms", clips + "one-gop.mkv", "what is this?"}, strings.NewReader(""), tty, tty, environ)
	count := map[string]int{}
	text := screen()
	for _, line := range text {
		for _, what := range []string{"what is this?", "looked at", "asked about", "demonstration model"} {
			if strings.Contains(line, what) {
				count[what]++
			}
		}
	}
	if n := count["what is this?"]; status != 0 || n < 10 || count["looked at"] != n || count["asked about"] > 0 || count["demonstration model"] != 1 {
		t.Errorf("status %d: the screen shows %v\n%s", status, count, strings.Join(text, "\n"))
	}
}
