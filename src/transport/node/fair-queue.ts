/** Does work that must not hold up other work: a little per turn of the event loop, and the owners take turns. */

/** Does one piece of work. The result says whether there was anything to do. */
export type Task = () => boolean;

export class FairQueue<Owner> {
  readonly #perTurn: number;
  /** The tasks by owner. The owner whose turn it is comes first. */
  readonly #tasks = new Map<Owner, Task[]>();
  #scheduled = false;

  /** In one turn `perTurn` tasks are done. A task that had nothing to do is not counted. */
  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  add(owner: Owner, task: Task): void {
    const tasks = this.#tasks.get(owner);
    if (tasks === undefined) this.#tasks.set(owner, [task]);
    else tasks.push(task);
    this.#schedule();
  }

  /** Resolves when it is this owner's turn. */
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
