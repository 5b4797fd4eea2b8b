/** Waits for a state that can only be seen by looking again and again. The time limit of the test ends the wait. */

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
