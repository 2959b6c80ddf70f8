package emulator

// PID returns the process of an emulator.
func PID(c *Cloud) int { return c.process.cmd.Process.Pid }

// StartBroken starts a program that ends at once.
func StartBroken() error {
	_, err := start(program{path: "/bin/sh", args: func(_, _ string) []string { return []string{"-c", "echo no such library; exit 1"} }, env: nothing, ready: "/"})
	return err
}

// StartMissing starts what Tools does not hold.
func StartMissing() error {
	_, err := start(ministack())
	return err
}
