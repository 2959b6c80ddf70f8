// Package stories runs the stories of test/e2e, unchanged, on a deployed stage, and looks at what they leave behind: whether roles grant
// what functions call and no more, and whether anybody can be found in what is kept.
package stories
