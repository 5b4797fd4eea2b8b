/**
 * A queue for work that must not hold up other work. A few tasks are done in each turn of the event loop, one owner
 * after the other.
 */

/** Does one piece of work. Returns whether there was anything to do. */
export type Task = () => boolean;

export class FairQueue<Owner> {
  readonly #perTurn: number;
  /** The waiting tasks of each owner. The owner that comes first in the map is served next. */
  readonly #tasks = new Map<Owner, Task[]>();
  #scheduled = false;

  /** The queue does `perTurn` tasks in each turn of the event loop. A task that had nothing to do is not counted. */
  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  add(owner: Owner, task: Task): void {
    const tasks = this.#tasks.get(owner);
    if (tasks === undefined) this.#tasks.set(owner, [task]);
    else tasks.push(task);
    this.#schedule();
  }

  /** Resolves when the queue comes to `owner`, who may then do one piece of work. */
  turn(owner: Owner): Promise<void> {
    return new Promise((resolve) => {
      this.add(owner, () => {
        resolve();
        return true;
      });
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#work();
      if (this.#tasks.size > 0) this.#schedule();
    });
  }

  #work(): void {
    for (let done = 0; done < this.#perTurn; ) {
      const [next] = this.#tasks;
      if (next === undefined) return;
      const [owner, tasks] = next;
      this.#tasks.delete(owner);
      const task = tasks.shift();
      if (tasks.length > 0) this.#tasks.set(owner, tasks);
      if (task?.()) done++;
    }
  }
}
