//! One site as a fleet of its own.
//!
//! In: the model, what each job is charged where the site refuses it, and which of its jobs may not run or have to. Out:
//! the least that the site can be charged, a plan of it, and the tree that proves this. Charges for the same job on several
//! sites, and what they prove of all sites together: [`crate::assign`].

use crate::beside::{Beside, Odd};
use crate::clash::Rows;
use crate::model::Model;
use crate::options::Frame;
use crate::place::{Board, NOWHERE, Spot};
use crate::stop::Stop;
use crate::tables::Tables;
use crate::tree::{self, Begin, Grown, Reach};
use std::rc::Rc;

/// A site as a fleet of its own.
pub(crate) struct Place {
    pub(crate) site: u32,
    pub(crate) model: Model,
    pub(crate) rows: Rows,
    /// Its tasks, as the whole fleet numbers them.
    pub(crate) tasks: Vec<u32>,
    /// Their slots on this site, as the whole fleet numbers them.
    pub(crate) slots: Vec<u32>,
    base: Tables,
    order: Vec<u32>,
    pub(crate) prices: Vec<f32>,
}

/// What is known about a site under some charges, where some of its tasks may not run and others have to.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) grown: Rc<Grown>,
    /// Its least charge is not below this.
    pub(crate) bound: f64,
    /// The best plan that was found.
    pub(crate) board: Rc<Board>,
    /// How far that is from the bound, in grams.
    pub(crate) left_g: f64,
    /// Options that were looked at to find it.
    pub(crate) looks: u64,
}

/// What a site is asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// What each task of the fleet is charged per accelerator where it is refused.
    pub(crate) refusals: &'a [f64],
    /// Which of the site's tasks may not run, and which have to.
    pub(crate) barred: &'a [bool],
    pub(crate) forced: &'a [bool],
    /// A plan of the fleet.
    pub(crate) plan: &'a Board,
    /// What was known before.
    pub(crate) known: Option<&'a Known>,
    /// A bound above this is as good as any.
    pub(crate) limit: f64,
}

impl Place {
    /// `order` is that of the fleet; empty where nothing will be searched.
    pub(crate) fn new(model: &Model, frame: &Frame, site: u32, order: &[u32]) -> Self {
        let (own, tasks) = model.of_sites(site as usize..site as usize + 1);
        let own_frame = Frame::new(&own);
        let rows = Rows::new(&own, &own_frame);
        let mut base = Tables::new(&own);
        base.fill(&own, &vec![0.0; own.steps.len() * own.hours], 0.0);
        let mut place_of = vec![u32::MAX; model.tasks.len()];
        tasks.iter().zip(0..).for_each(|(&task, own)| place_of[task as usize] = own);
        let order = order.iter().map(|&task| place_of[task as usize]).filter(|&own| own != u32::MAX).collect();
        let prices = vec![0.0; own.steps.len() * own.hours + rows.beside.capacity.len()];
        let slot = |task: &u32| frame.of(*task as usize).find(|&slot| frame.slots[slot].site == site);
        let slots = tasks.iter().map(|task| slot(task).unwrap_or(usize::MAX) as u32).collect();
        Self { site, rows, model: own, tasks, slots, base, order, prices }
    }

    /// Begins with prices of all sites, whose rows are `beside`.
    pub(crate) fn take_prices(&mut self, model: &Model, beside: &Beside, prices: &[f32]) {
        let (hours, from) = (model.hours, self.site as usize * model.hours);
        let cells = model.sites * hours;
        let levels = prices.chunks_exact(cells).take(model.steps.len());
        self.prices.clear();
        self.prices.extend(levels.flat_map(|level| &level[from..from + hours]));
        for odd in &self.rows.beside.odds {
            let size = self.rows.beside.sizes[odd.level as usize];
            let slot = self.slots[odd.slot as usize];
            let first = beside.odds.partition_point(|all| all.slot < slot);
            let same = |all: &&Odd| beside.sizes[all.level as usize] == size && all.begin == odd.begin;
            match beside.odds[first..].iter().take_while(|all| all.slot == slot).find(same) {
                Some(all) => self.prices.extend(&prices[all.cells()]),
                None => self.prices.extend(odd.cells().map(|_| 0.0)),
            }
        }
    }

    /// A plan as this site has it, under what refusals are charged now.
    fn board(&self, model: &Model, from: &Board, is_own: bool, barred: &[bool]) -> Board {
        let mut board = Board::new(&self.model);
        let mut spot = Spot::default();
        for (own, &task) in self.tasks.iter().enumerate().filter(|(own, _)| !barred[*own]) {
            let (of, index) = if is_own { (&self.model, own) } else { (model, task as usize) };
            let there = if is_own { 0 } else { self.site };
            if from.site[index] == there && from.site[index] != NOWHERE {
                from.spot(of, index, &mut spot);
                spot.site = 0;
                board.take(&self.model, &self.base, own, &spot);
            }
        }
        board
    }

    /// Searches for the least that this site can be charged.
    pub(crate) fn search(&mut self, model: &Model, asked: Asked, reach: (&Reach, Stop)) -> Known {
        let total = asked.plan.total();
        self.model.refusals.clear();
        for (own, &task) in self.tasks.iter().enumerate() {
            // Who has to run is charged more than any plan costs.
            let never = 4.0 * total / f64::from(self.model.tasks[own].accelerators);
            self.model.refusals.push(if asked.forced[own] { never } else { asked.refusals[task as usize] });
        }
        let mut board = self.board(model, asked.plan, false, asked.barred);
        if let Some(known) = asked.known {
            let last = self.board(model, &known.board, true, asked.barred);
            if last.total() < board.total() {
                board = last;
            }
        }
        let begin = Begin {
            board,
            prices: &self.prices,
            barred: asked.barred,
            forced: asked.forced,
            known: asked.known.map(|known| &*known.grown),
            limit: asked.limit,
        };
        let found = tree::search(&self.model, &self.rows, begin, &self.order, &self.base, reach);
        if let Some(step) = found.grown.steps.get(1).filter(|step| !step.prices.is_empty()) {
            self.prices.clone_from(&step.prices);
        }
        Known {
            left_g: (found.board.total() - found.bound).max(0.0),
            bound: found.bound,
            board: Rc::new(found.board),
            grown: Rc::new(found.grown),
            looks: found.looks,
        }
    }
}
